//! One method per exported function, typed, and the same by name with JSON for the command line and for recordings.

use serde_json::Value as Json;
use wasmtime::component::InstancePre;

use super::bindings::exports::jackfield::{automation, calendar, core, crm, webhook};
use crate::call::{Call, InvokeError};
use crate::connector::Connector;
use crate::state::State;
use crate::{Halt, v0_1};

/// Each line is `method = "function"(argument: Type => how it is passed, …) -> Answer`.
macro_rules! exports {
    ($( $field:ident = $interface:literal in $($module:ident)::+ {
        $( $(#[$doc:meta])* $method:ident = $function:literal / $call:ident
           ( $($arg:ident : $ty:ty => $pass:expr),* ) -> $answer:ty; )*
    } )*) => {
        /// Where the functions are in one component; none where an interface is not exported.
        pub(crate) struct Exports {
            $( $field: Option<$($module)::+::GuestIndices>, )*
        }

        impl Exports {
            pub(crate) fn of(pre: &InstancePre<State>) -> Self {
                Self { $( $field: $($module)::+::GuestIndices::new(pre).ok(), )* }
            }

            /// Short names of what is exported: `crm/write`.
            pub(crate) fn names(&self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $( if self.$field.is_some() { names.push($interface); } )*
                names
            }
        }

        impl Connector {
            $($( $(#[$doc])*
            ///
            /// # Errors
            /// A [`Halt`] when the guest traps, meets a limit, or does not export the interface.
            pub async fn $method(&self, call: Call, $($arg: $ty),*) -> Result<$answer, Halt> {
                let Some(indices) = &self.exports.$field else { return Err(missing($interface)) };
                self.run(call, async move |store, instance| {
                    let guest = indices.load(&mut *store, instance)?;
                    guest.$call(&mut *store, $($pass),*).await
                }).await
            }
            )*)*

            /// Calls `function` (`crm/write.apply`) with a JSON array of its arguments, in the shape of [`v0_1`]'s
            /// types. The answer is the function's own result, `{"Ok": …}` or `{"Err": …}`.
            ///
            /// # Errors
            /// When there is no such function, the arguments do not fit, or the guest was halted.
            pub async fn invoke(&self, call: Call, function: &str, args: Json) -> Result<Json, InvokeError> {
                match function {
                    $($( concat!($interface, ".", $function) => {
                        let ($($arg,)*): ($($ty,)*) = InvokeError::args(args)?;
                        let answer = self.$method(call, $($arg),*).await?;
                        InvokeError::answer(&answer)
                    } )*)*
                    other => Err(InvokeError::unknown(other, Self::functions())),
                }
            }

            /// Every function that the contract knows.
            #[must_use]
            pub fn functions() -> &'static [&'static str] {
                &[ $($( concat!($interface, ".", $function), )*)* ]
            }
        }
    };
}

fn missing(interface: &str) -> Halt {
    Halt::HostCall { reason: format!("the connector does not export jackfield:{interface}") }
}

type Answer<T> = Result<T, v0_1::core::Error>;
type Each<T> = Answer<Vec<Result<T, v0_1::core::Error>>>;

exports! {
    lifecycle = "core/lifecycle" in core::lifecycle {
        /// Who the credential belongs to.
        probe = "probe" / call_probe() -> Answer<v0_1::core::Account>;
    }
    choices = "core/choices" in core::choices {
        /// Values that a setting may take.
        list_choices = "list-choices" / call_list_choices(
            setting: String => &setting, filter: Option<String> => filter.as_deref(),
            after: Option<String> => after.as_ref()
        ) -> Answer<v0_1::core::ChoicePage>;
    }
    crm_pull = "crm/pull" in crm::pull {
        /// One page of changes.
        crm_pull = "pull" / call_pull(
            object: v0_1::crm::ObjectType => &object, after: Option<String> => after.as_ref(),
            options: v0_1::core::PullOptions => &options
        ) -> Answer<v0_1::crm::Page>;
    }
    crm_lookup = "crm/lookup" in crm::lookup {
        /// Records that match any of the keys.
        crm_find = "find" / call_find(
            object: v0_1::crm::ObjectType => &object, by: Vec<v0_1::crm::MatchKey> => &by, limit: u32 => limit
        ) -> Answer<Vec<v0_1::crm::Entity>>;
    }
    crm_write = "crm/write" in crm::write {
        /// Writes a batch; positional receipts.
        crm_apply = "apply" / call_apply(ops: Vec<v0_1::crm::Op> => &ops) -> Each<v0_1::crm::Receipt>;
    }
    crm_schema = "crm/schema" in crm::schema {
        /// The account's objects.
        crm_list_objects = "list-objects" / call_list_objects() -> Answer<Vec<v0_1::crm::ObjectInfo>>;
        /// One object's fields.
        crm_describe = "describe" / call_describe(
            object: v0_1::crm::ObjectType => &object
        ) -> Answer<v0_1::crm::ObjectSchema>;
    }
    calendar_read = "calendar/read" in calendar::read {
        /// The account's calendars.
        list_calendars = "list-calendars" / call_list_calendars() -> Answer<Vec<v0_1::calendar::Calendar>>;
        /// One event.
        get_event = "get-event" / call_get_event(
            calendar: String => &calendar, id: String => &id
        ) -> Answer<v0_1::calendar::Event>;
        /// One page of changes.
        calendar_pull = "pull" / call_pull(
            calendar: String => &calendar, after: Option<String> => after.as_ref(),
            options: v0_1::core::PullOptions => &options
        ) -> Answer<v0_1::calendar::Page>;
    }
    free_busy = "calendar/free-busy" in calendar::free_busy {
        /// When people are busy.
        free_busy = "query" / call_query(
            calendars: Vec<String> => &calendars, window: v0_1::calendar::Interval => &window,
            freshness: v0_1::calendar::Freshness => freshness
        ) -> Each<v0_1::calendar::Busy>;
    }
    calendar_write = "calendar/write" in calendar::write {
        /// Creates, changes and cancels events; positional receipts.
        calendar_apply = "apply" / call_apply(
            ops: Vec<v0_1::calendar::Op> => &ops
        ) -> Each<v0_1::calendar::Receipt>;
    }
    booking = "calendar/booking" in calendar::booking {
        /// What can be booked.
        list_event_types = "list-event-types" / call_list_event_types() -> Answer<Vec<v0_1::calendar::EventType>>;
        /// When it can be booked.
        slots = "slots" / call_slots(
            event_type: String => &event_type, window: v0_1::calendar::Interval => &window, zone: String => &zone
        ) -> Answer<Vec<v0_1::calendar::Slot>>;
        /// Books a slot.
        book = "book" / call_book(
            request: v0_1::calendar::BookingRequest => &request
        ) -> Answer<v0_1::calendar::Booking>;
        /// One booking.
        get_booking = "get" / call_get(id: String => &id) -> Answer<v0_1::calendar::Booking>;
        /// Moves a booking.
        reschedule = "reschedule" / call_reschedule(
            id: String => &id, op_key: String => &op_key, slot: v0_1::calendar::Slot => &slot
        ) -> Answer<v0_1::calendar::Booking>;
        /// Cancels a booking.
        cancel_booking = "cancel" / call_cancel(
            id: String => &id, op_key: String => &op_key, reason: Option<String> => reason.as_deref()
        ) -> Answer<()>;
    }
    booking_pull = "calendar/booking-pull" in calendar::booking_pull {
        /// One page of bookings.
        booking_pull = "pull" / call_pull(
            after: Option<String> => after.as_ref(), options: v0_1::core::PullOptions => &options
        ) -> Answer<v0_1::calendar::BookingPage>;
    }
    actions = "automation/actions" in automation::actions {
        /// The tools of this connection.
        list_actions = "list-actions" / call_list_actions(
            after: Option<String> => after.as_ref()
        ) -> Answer<v0_1::actions::ActionPage>;
        /// Runs a tool.
        invoke_action = "invoke" / call_invoke(
            action: v0_1::actions::Call => &action
        ) -> Answer<v0_1::actions::Outcome>;
    }
    sink = "automation/sink" in automation::sink {
        /// Delivers our events; positional receipts.
        deliver = "deliver" / call_deliver(events: Vec<v0_1::sink::Event> => &events) -> Each<v0_1::sink::Receipt>;
    }
    receive = "webhook/receive" in webhook::receive {
        /// Which accounts and records a verified delivery speaks of.
        demux = "demux" / call_demux(
            delivery: v0_1::webhook::Delivery => &delivery
        ) -> Result<v0_1::webhook::Verdict, String>;
    }
    subscribe = "webhook/subscribe" in webhook::subscribe {
        /// Creates or renews a subscription.
        ensure_subscription = "ensure" / call_ensure(
            request: v0_1::webhook::Request => &request
        ) -> Answer<v0_1::webhook::Subscription>;
        /// Removes a subscription.
        remove_subscription = "remove" / call_remove(
            subscription: v0_1::webhook::Subscription => &subscription
        ) -> Answer<()>;
    }
}
