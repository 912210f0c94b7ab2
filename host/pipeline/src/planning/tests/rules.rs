use serde_json::json;

use super::*;
use crate::planning::samples::*;

fn keys(of: &[LocalKey]) -> Vec<String> {
    of.iter().map(|k| format!("{} {}", k.role, k.key)).collect()
}

#[test]
fn each_event_of_the_guides_reaches_whom_it_concerns() {
    let plugs = [crm(), calendar(), chat(), hook()];
    let wanted: [[&[&str]; 4]; 5] = [
        [
            &["crm/write.upsert contact", "crm/write.upsert note (description)"],
            &[],
            &[],
            &["automation/sink.deliver"],
        ],
        [&["crm/write.upsert activity"], &[], &["automation/sink.deliver"], &["automation/sink.deliver"]],
        [&["crm/write.upsert activity"], &[], &["automation/sink.deliver"], &["automation/sink.deliver"]],
        [&["crm/write.upsert note (transcript)"], &[], &[], &["automation/sink.deliver"]],
        [&["crm/write.upsert activity"], &["calendar/write.create"], &[], &["automation/sink.deliver"]],
    ];
    for (event, row) in five().iter().zip(wanted) {
        for (plug, names) in plugs.iter().zip(row) {
            assert_eq!(plug.names(event), names, "{} for {}", event.kind, plug.connection.connector);
        }
    }
}

#[test]
fn a_lead_is_known_by_its_id_its_call_its_address_and_its_number() {
    let jobs = crm().jobs(&lead_captured());
    let person = [
        "person lead:lead_xyz789",
        "person call:call_def456",
        "person email:john@example.com",
        "person phone:+1234567890",
    ];
    assert_eq!(keys(&jobs[0].provides), person);
    assert!(jobs[0].needs.is_empty());
    assert_eq!(jobs[0].object, "contact");
    assert_eq!(keys(&jobs[1].provides), ["note lead:lead_xyz789"]);
    assert_eq!(keys(&jobs[1].needs), ["person lead:lead_xyz789", "person email:john@example.com"]);
}

#[test]
fn events_of_one_call_provide_one_record_and_wait_for_the_person() {
    let ended = crm().jobs(&call_ended());
    assert_eq!(keys(&ended[0].provides), ["call call:call_abc123"]);
    assert_eq!(keys(&ended[0].needs), ["person call:call_abc123", "person phone:+15551234567"]);
    let analysis = event("analysis.complete", json!({"callId": "call_abc123", "analysis": {"summary": "S"}}));
    assert_eq!(crm().jobs(&analysis)[0].provides, ended[0].provides);
    let transcript = crm().jobs(&transcript_ready());
    assert_eq!(keys(&transcript[0].provides), ["transcript call:call_abc123"]);
    assert_eq!(keys(&transcript[0].needs), ["person call:call_abc123"]);
}

#[test]
fn an_outbound_call_is_linked_by_the_number_that_was_called() {
    let mut event = call_ended();
    event.data["direction"] = json!("outbound");
    assert_eq!(keys(&crm().jobs(&event)[0].needs)[1], "person phone:+15559876543");
}

#[test]
fn an_analysis_without_a_call_is_nobodys_record_but_still_an_event() {
    let event = event("analysis.complete", json!({"summary": "S"}));
    assert!(crm().names(&event).is_empty());
    assert_eq!(hook().names(&event), ["automation/sink.deliver"]);
}

#[test]
fn an_appointment_has_one_key_for_its_life() {
    let of = |plug: &Plug, verb| {
        let jobs = plug.jobs(&appointment(verb));
        (jobs[0].operation.clone(), keys(&jobs[0].provides))
    };
    let event = vec!["event appointment:apt_1".to_owned()];
    assert_eq!(of(&calendar(), "created"), ("calendar/write.create".to_owned(), event.clone()));
    assert_eq!(of(&calendar(), "updated"), ("calendar/write.update".to_owned(), event.clone()));
    assert_eq!(of(&calendar(), "cancelled"), ("calendar/write.cancel".to_owned(), event));
    for verb in ["created", "updated", "cancelled"] {
        let (name, provides) = of(&crm(), verb);
        assert_eq!(name, "crm/write.upsert activity");
        assert_eq!(provides, ["appointment appointment:apt_1"]);
    }
    assert_eq!(
        keys(&crm().jobs(&appointment("created"))[0].needs),
        ["person call:call_def456", "person email:john@example.com", "person phone:+1234567890"]
    );
}

#[test]
fn other_events_go_to_sinks_only() {
    for kind in ["call.started", "call.scheduled", "call.transferred", "invoice.paid", "ping"] {
        let event = event(kind, json!({"callId": "c"}));
        assert!(crm().names(&event).is_empty() && calendar().names(&event).is_empty(), "{kind}");
        assert_eq!(hook().names(&event), ["automation/sink.deliver"], "{kind}");
    }
}

#[test]
fn messages_about_one_subject_share_a_thread() {
    let thread = |event: &Event| keys(&hook().jobs(event)[0].provides);
    assert_eq!(thread(&event("call.started", json!({"callId": "call_abc123"}))), ["thread call:call_abc123"]);
    assert_eq!(thread(&call_ended()), ["thread call:call_abc123"]);
    assert_eq!(thread(&lead_captured()), ["thread lead:lead_xyz789"]);
    assert_eq!(thread(&appointment("created")), ["thread appointment:apt_1"]);
    assert!(thread(&event("ping", json!({}))).is_empty());
}

#[test]
fn the_events_setting_goes_before_the_manifest() {
    let asks = |settings, kind: &str| !chat().settings(settings).names(&event(kind, json!({}))).is_empty();
    assert!(asks(json!({}), "call.ended") && !asks(json!({}), "lead.captured"));
    assert!(asks(json!({"events": ["lead.*"]}), "lead.captured"));
    assert!(!asks(json!({"events": ["lead.*"]}), "call.ended"));
    assert!(!asks(json!({"events": ["lead.*"]}), "leads.captured"));
    assert!(!asks(json!({"events": ["lead*"]}), "lead.captured"));
    assert!(asks(json!({"events": "call.ended, ping"}), "ping"));
    assert!(!asks(json!({"events": []}), "call.ended"));
    assert!(asks(json!({"events": ["*"]}), "anything"));
}

#[test]
fn a_switch_turns_its_family_off_for_every_kind_of_connector() {
    for (switch, on) in [
        ("syncLeads", [false, true, true, true, true]),
        ("syncCalls", [true, false, false, true, true]),
        ("syncTranscripts", [true, true, true, false, true]),
        ("syncAppointments", [true, true, true, true, false]),
    ] {
        for (event, on) in five().iter().zip(on) {
            assert_eq!(!crm().off(switch).names(event).is_empty(), on, "{switch} {}", event.kind);
            assert_eq!(!hook().off(switch).names(event).is_empty(), on, "{switch} {}", event.kind);
        }
    }
    assert!(calendar().off("syncAppointments").names(&appointment("created")).is_empty());
}

#[test]
fn without_transcripts_a_call_is_logged_without_what_was_said() {
    let job = &crm().off("syncTranscripts").jobs(&call_completed())[0];
    assert!(!job.op.to_string().contains("Goodbye"));
    assert!(crm().jobs(&call_completed())[0].op.to_string().contains("Goodbye"));
}

#[test]
fn a_connection_that_is_off_still_gets_its_jobs() {
    let mut plug = crm();
    plug.connection.status = store::ConnectionStatus::Disabled;
    assert_eq!(plug.names(&lead_captured()).len(), 2);
}

#[test]
fn another_organizations_connection_gets_nothing() {
    let mut plug = hook();
    plug.connection.org = "other".into();
    assert!(plug.names(&lead_captured()).is_empty());
}

#[test]
fn a_capability_is_what_is_exported_and_not_what_the_manifest_says() {
    let mut plug = crm();
    plug.interfaces = vec!["jackfield:crm/lookup@0.1.0".to_owned(), "other:crm/write@0.1.0".to_owned()];
    assert!(plug.names(&lead_captured()).is_empty());
}

#[test]
fn a_noun_that_the_manifest_leaves_out_is_not_synchronised() {
    let mut plug = crm();
    plug.manifest.sync.as_mut().unwrap().call = None;
    assert!(plug.names(&call_ended()).is_empty());
    assert!(!plug.names(&lead_captured()).is_empty());
}

#[test]
fn planning_twice_gives_the_same_jobs_with_keys_of_their_own() {
    for event in five() {
        let plugs = [crm(), calendar(), chat(), hook()];
        let targets: Vec<Target<'_>> = plugs.iter().map(Plug::target).collect();
        let jobs = plan(&event, &targets);
        assert_eq!(jobs, plan(&event, &targets));
        let mut op_keys: Vec<&str> = jobs.iter().map(|j| j.op_key.as_str()).collect();
        op_keys.sort_unstable();
        op_keys.dedup();
        assert_eq!(op_keys.len(), jobs.len());
        assert!(
            op_keys.iter().all(|k| k.len() <= 128 && k.chars().all(|c| c.is_ascii_hexdigit() || c == '-'))
        );
    }
}

#[test]
fn an_operation_is_read_back_as_it_was_written() {
    let plugs = [crm(), calendar(), chat(), hook(), crm().mapping(GUIDE)];
    for event in five().iter().chain(&[appointment("updated"), appointment("cancelled")]) {
        for job in plugs.iter().flat_map(|p| p.jobs(event)) {
            let op = Operation::from_value(&job.op).unwrap();
            assert_eq!(op.to_value(), job.op);
            assert_eq!(op.own().iter().any(|k| job.provides.contains(k)), !job.provides.is_empty());
            assert_eq!(op.person(), job.needs);
        }
    }
    let newer = json!({"v": 2, "do": "sink-deliver"});
    assert!(Operation::from_value(&newer).unwrap_err().to_string().contains("version 2"));
    assert!(Operation::from_value(&json!({"v": 1, "do": "other"})).is_err());
    assert!(Operation::from_value(&json!(null)).is_err());
}

#[test]
fn a_mapping_without_a_description_plans_no_note() {
    let plug = crm().mapping(&[("callerEmail", "email")]);
    assert_eq!(plug.names(&lead_captured()), ["crm/write.upsert contact"]);
    let guide = crm().mapping(GUIDE);
    assert_eq!(guide.names(&lead_captured()).len(), 2);
    let mut silent = lead_captured();
    silent.data["reason"] = json!("");
    assert_eq!(guide.names(&silent), ["crm/write.upsert contact"]);
}

#[test]
fn strange_data_is_planned_without_complaint() {
    for data in
        [json!({}), json!([1]), json!("text"), json!(null), json!({"callId": {"a": [{}]}, "phone": 1e300})]
    {
        for kind in ["lead.captured", "call.ended", "transcript.ready", "appointment.created", "", ".", "*"] {
            let event = event(kind, data.clone());
            for plug in [crm(), calendar(), hook()] {
                plug.jobs(&event);
            }
        }
    }
}

#[test]
fn a_lead_with_nothing_but_a_name_still_finds_its_note() {
    let jobs = crm().jobs(&event("lead.captured", json!({"name": "Cher", "reason": "x"})));
    assert_eq!(keys(&jobs[0].provides), ["person event:evt_1"]);
    assert_eq!(jobs[1].needs, jobs[0].provides);
}
