//! `export!`, and `replay!` for the connector's recordings.

/// Makes a component of a type: names each interface whose trait it implements, and nothing else is exported.
///
/// `lifecycle` (every connector), `choices`, `crm::{pull, lookup, write, schema}`,
/// `calendar::{read, free_busy, write, booking}`, `automation::{actions, sink}`, `webhook::{receive, subscribe}`.
///
/// Call it once, in the crate's root module.
#[macro_export]
macro_rules! export {
    ($connector:ident : $($first:ident $(:: $rest:ident)?),+ $(,)?) => {
        $($crate::__export!($connector; $first $(:: $rest)?);)+

        // For the connector's tests, and for whoever compares it with its component. No component has it.
        #[cfg(not(target_family = "wasm"))]
        #[doc(hidden)]
        pub fn __jackfield_dispatch(call: &$crate::testing::Call) -> Option<$crate::Json> {
            $(if let Some(answer) = $crate::__dispatch!($connector; call; $first $(:: $rest)?) {
                return Some(answer);
            })+
            None
        }
    };
}

/// Makes a test that replays every recording of a folder: `jackfield_connector::replay!("recordings");`, beside
/// [`export!`].
#[macro_export]
macro_rules! replay {
    ($folder:literal) => {
        #[cfg(test)]
        #[test]
        fn every_recording_replays() {
            $crate::testing::replay(concat!(env!("CARGO_MANIFEST_DIR"), "/", $folder), __jackfield_dispatch);
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    ($c:ident; lifecycle) => { $crate::bindings::lifecycle::export!($c with_types_in $crate::bindings::lifecycle); };
    ($c:ident; choices) => { $crate::bindings::choices::export!($c with_types_in $crate::bindings::choices); };
    ($c:ident; crm::pull) => { $crate::bindings::crm_pull::export!($c with_types_in $crate::bindings::crm_pull); };
    ($c:ident; crm::lookup) => { $crate::bindings::crm_lookup::export!($c with_types_in $crate::bindings::crm_lookup); };
    ($c:ident; crm::write) => { $crate::bindings::crm_write::export!($c with_types_in $crate::bindings::crm_write); };
    ($c:ident; crm::schema) => { $crate::bindings::crm_schema::export!($c with_types_in $crate::bindings::crm_schema); };
    ($c:ident; calendar::read) => {
        $crate::bindings::calendar_read::export!($c with_types_in $crate::bindings::calendar_read);
    };
    ($c:ident; calendar::free_busy) => {
        $crate::bindings::calendar_free_busy::export!($c with_types_in $crate::bindings::calendar_free_busy);
    };
    ($c:ident; calendar::write) => {
        $crate::bindings::calendar_write::export!($c with_types_in $crate::bindings::calendar_write);
    };
    ($c:ident; calendar::booking) => {
        $crate::bindings::calendar_booking::export!($c with_types_in $crate::bindings::calendar_booking);
    };
    ($c:ident; automation::actions) => {
        $crate::bindings::automation_actions::export!($c with_types_in $crate::bindings::automation_actions);
    };
    ($c:ident; automation::sink) => {
        $crate::bindings::automation_sink::export!($c with_types_in $crate::bindings::automation_sink);
    };
    ($c:ident; webhook::receive) => {
        $crate::bindings::webhook_receive::export!($c with_types_in $crate::bindings::webhook_receive);
    };
    ($c:ident; webhook::subscribe) => {
        $crate::bindings::webhook_subscribe::export!($c with_types_in $crate::bindings::webhook_subscribe);
    };
}

/// The JSON of an answer, `{"Ok": …}` or `{"Err": …}`.
#[doc(hidden)]
#[macro_export]
macro_rules! __answer {
    ($call:ident; $($function:literal => $answer:expr),+ $(,)?) => {
        match $call.function.as_str() {
            $($function => Some($crate::serde_json::to_value($answer).unwrap_or_default()),)+
            _ => None,
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __dispatch {
    ($c:ident; $k:ident; lifecycle) => {
        $crate::__answer!($k; "core/lifecycle.probe" => <$c as $crate::Lifecycle>::probe())
    };
    ($c:ident; $k:ident; choices) => {
        $crate::__answer!($k; "core/choices.list-choices" =>
            <$c as $crate::Choices>::list_choices($k.arg(0), $k.arg(1), $k.arg(2)))
    };
    ($c:ident; $k:ident; crm::pull) => {
        $crate::__answer!($k; "crm/pull.pull" => <$c as $crate::crm::Pull>::pull($k.arg(0), $k.arg(1), $k.arg(2)))
    };
    ($c:ident; $k:ident; crm::lookup) => {
        $crate::__answer!($k; "crm/lookup.find" => <$c as $crate::crm::Lookup>::find($k.arg(0), $k.arg(1), $k.arg(2)))
    };
    ($c:ident; $k:ident; crm::write) => {
        $crate::__answer!($k; "crm/write.apply" => <$c as $crate::crm::Write>::apply($k.arg(0)))
    };
    ($c:ident; $k:ident; crm::schema) => {
        $crate::__answer!($k;
            "crm/schema.list-objects" => <$c as $crate::crm::Schema>::list_objects(),
            "crm/schema.describe" => <$c as $crate::crm::Schema>::describe($k.arg(0)))
    };
    ($c:ident; $k:ident; calendar::read) => {
        $crate::__answer!($k;
            "calendar/read.list-calendars" => <$c as $crate::calendar::Read>::list_calendars(),
            "calendar/read.get-event" => <$c as $crate::calendar::Read>::get_event($k.arg(0), $k.arg(1)),
            "calendar/read.pull" => <$c as $crate::calendar::Read>::pull($k.arg(0), $k.arg(1), $k.arg(2)))
    };
    ($c:ident; $k:ident; calendar::free_busy) => {
        $crate::__answer!($k; "calendar/free-busy.query" =>
            <$c as $crate::calendar::FreeBusy>::query($k.arg(0), $k.arg(1), $k.arg(2)))
    };
    ($c:ident; $k:ident; calendar::write) => {
        $crate::__answer!($k; "calendar/write.apply" => <$c as $crate::calendar::Write>::apply($k.arg(0)))
    };
    ($c:ident; $k:ident; calendar::booking) => {
        $crate::__answer!($k;
            "calendar/booking.list-event-types" => <$c as $crate::calendar::Bookings>::list_event_types(),
            "calendar/booking.slots" => <$c as $crate::calendar::Bookings>::slots($k.arg(0), $k.arg(1), $k.arg(2)),
            "calendar/booking.book" => <$c as $crate::calendar::Bookings>::book($k.arg(0)),
            "calendar/booking.get" => <$c as $crate::calendar::Bookings>::get($k.arg(0)),
            "calendar/booking.reschedule" =>
                <$c as $crate::calendar::Bookings>::reschedule($k.arg(0), $k.arg(1), $k.arg(2)),
            "calendar/booking.cancel" => <$c as $crate::calendar::Bookings>::cancel($k.arg(0), $k.arg(1), $k.arg(2)))
    };
    ($c:ident; $k:ident; automation::actions) => {
        $crate::__answer!($k;
            "automation/actions.list-actions" => <$c as $crate::automation::Actions>::list_actions($k.arg(0)),
            "automation/actions.invoke" => <$c as $crate::automation::Actions>::invoke($k.arg(0)))
    };
    ($c:ident; $k:ident; automation::sink) => {
        $crate::__answer!($k; "automation/sink.deliver" => <$c as $crate::automation::Sink>::deliver($k.arg(0)))
    };
    ($c:ident; $k:ident; webhook::receive) => {
        $crate::__answer!($k; "webhook/receive.demux" => <$c as $crate::webhook::Receive>::demux($k.arg(0)))
    };
    ($c:ident; $k:ident; webhook::subscribe) => {
        $crate::__answer!($k;
            "webhook/subscribe.ensure" => <$c as $crate::webhook::Subscribe>::ensure($k.arg(0)),
            "webhook/subscribe.remove" => <$c as $crate::webhook::Subscribe>::remove($k.arg(0)))
    };
}
