//! What `wit-bindgen` makes of `wit/`. Authors use the modules of the crate root, which re-export all of this.
//!
//! One world per exported interface: a connector's component type is the union of the worlds whose macro it calls, so
//! it exports exactly what it named. The shared types and the host's functions are generated once, in [`base`].

/// The shared types, and what the host does for a connector. Imports that a connector never calls are left out of it.
pub mod base {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: r#"
            package jackfield:sdk;
            world base {
                import jackfield:core/types@0.1.0;
                import jackfield:crm/types@0.1.0;
                import jackfield:calendar/types@0.1.0;
                import jackfield:webhook/types@0.1.0;
                import jackfield:host/http@0.1.0;
                import jackfield:host/connection@0.1.0;
                import jackfield:host/log@0.1.0;
                import jackfield:host/cache@0.1.0;
                import jackfield:host/signing@0.1.0;
            }
        "#,
        world: "base",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
        additional_type_attributes: {
            "jackfield:crm/types@0.1.0/meta": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/address": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/person": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/contact": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/lead": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/company": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/deal": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/task": [#[derive(Default)]],
            "jackfield:crm/types@0.1.0/meeting": [#[derive(Default)]],
        },
    });
}

/// `module "world" "its WIT" "where its macro finds the module" [whose types it shares]`.
macro_rules! exported {
    ($($module:ident $world:literal $wit:literal $at:literal
       [$($interface:literal: $types:path),*];)*) => {$(
        #[doc = concat!("The world `", $world, "`, which exports one interface.")]
        pub mod $module {
            wit_bindgen::generate!({
                path: "../../wit",
                inline: $wit,
                world: $world,
                with: { $($interface: $types),* },
                generate_all,
                generate_unused_types: true,
                pub_export_macro: true,
                default_bindings_module: $at,
                additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
            });
        }
    )*};
}

exported! {
    lifecycle "lifecycle"
        "package jackfield:sdk; world lifecycle { export jackfield:core/lifecycle@0.1.0; }"
        "jackfield_connector::bindings::lifecycle"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types];
    choices "choices"
        "package jackfield:sdk; world choices { export jackfield:core/choices@0.1.0; }"
        "jackfield_connector::bindings::choices"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types];
    crm_pull "crm-pull"
        "package jackfield:sdk; world crm-pull { export jackfield:crm/pull@0.1.0; }"
        "jackfield_connector::bindings::crm_pull"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:crm/types@0.1.0": crate::bindings::base::jackfield::crm::types];
    crm_lookup "crm-lookup"
        "package jackfield:sdk; world crm-lookup { export jackfield:crm/lookup@0.1.0; }"
        "jackfield_connector::bindings::crm_lookup"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:crm/types@0.1.0": crate::bindings::base::jackfield::crm::types];
    crm_write "crm-write"
        "package jackfield:sdk; world crm-write { export jackfield:crm/write@0.1.0; }"
        "jackfield_connector::bindings::crm_write"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:crm/types@0.1.0": crate::bindings::base::jackfield::crm::types];
    crm_schema "crm-schema"
        "package jackfield:sdk; world crm-schema { export jackfield:crm/schema@0.1.0; }"
        "jackfield_connector::bindings::crm_schema"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:crm/types@0.1.0": crate::bindings::base::jackfield::crm::types];
    calendar_read "calendar-read"
        "package jackfield:sdk; world calendar-read { export jackfield:calendar/read@0.1.0; }"
        "jackfield_connector::bindings::calendar_read"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:calendar/types@0.1.0": crate::bindings::base::jackfield::calendar::types];
    calendar_free_busy "calendar-free-busy"
        "package jackfield:sdk; world calendar-free-busy { export jackfield:calendar/free-busy@0.1.0; }"
        "jackfield_connector::bindings::calendar_free_busy"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:calendar/types@0.1.0": crate::bindings::base::jackfield::calendar::types];
    calendar_write "calendar-write"
        "package jackfield:sdk; world calendar-write { export jackfield:calendar/write@0.1.0; }"
        "jackfield_connector::bindings::calendar_write"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:calendar/types@0.1.0": crate::bindings::base::jackfield::calendar::types];
    calendar_booking "calendar-booking"
        "package jackfield:sdk; world calendar-booking { export jackfield:calendar/booking@0.1.0; }"
        "jackfield_connector::bindings::calendar_booking"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:calendar/types@0.1.0": crate::bindings::base::jackfield::calendar::types];
    automation_actions "automation-actions"
        "package jackfield:sdk; world automation-actions { export jackfield:automation/actions@0.1.0; }"
        "jackfield_connector::bindings::automation_actions"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types];
    automation_sink "automation-sink"
        "package jackfield:sdk; world automation-sink { export jackfield:automation/sink@0.1.0; }"
        "jackfield_connector::bindings::automation_sink"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types];
    webhook_receive "webhook-receive"
        "package jackfield:sdk; world webhook-receive { export jackfield:webhook/receive@0.1.0; }"
        "jackfield_connector::bindings::webhook_receive"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types,
         "jackfield:webhook/types@0.1.0": crate::bindings::base::jackfield::webhook::types];
    webhook_subscribe "webhook-subscribe"
        "package jackfield:sdk; world webhook-subscribe { export jackfield:webhook/subscribe@0.1.0; }"
        "jackfield_connector::bindings::webhook_subscribe"
        ["jackfield:core/types@0.1.0": crate::bindings::base::jackfield::core::types];
}
