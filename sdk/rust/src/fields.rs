//! One table, read both ways: our members on the left, the provider's fields on the right.

use crate::crm::{Address, Email, Phone};
use crate::{Error, Result};

/// The table that [`fields!`](crate::fields) makes.
#[derive(Clone, Copy, Debug)]
pub struct Fields<R: 'static>(#[doc(hidden)] pub &'static [FieldOf<R>]);

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct FieldOf<R: 'static> {
    #[doc(hidden)]
    pub ours: &'static str,
    #[doc(hidden)]
    pub theirs: &'static str,
    #[doc(hidden)]
    pub get: fn(&R) -> Option<String>,
    #[doc(hidden)]
    pub set: fn(&mut R, String),
}

impl<R> Fields<R> {
    /// The provider's names, in the table's order.
    pub fn theirs(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.iter().map(|line| line.theirs)
    }

    /// The contract's name of the member behind a provider's field, for `x-member`: `person.first-name`.
    #[must_use]
    pub fn member(&self, theirs: &str) -> Option<String> {
        self.0.iter().find(|line| line.theirs == theirs).map(|line| line.ours.replace('_', "-"))
    }

    /// Every line with this record's value, to be [chosen](choose) from.
    #[must_use]
    pub fn members(&self, record: &R) -> Vec<Member> {
        self.0.iter().map(|line| Member::new(line.ours, line.theirs, (line.get)(record))).collect()
    }

    /// Fills the record from the provider's values; `value` answers `None` for what is absent or empty.
    pub fn read(&self, record: &mut R, value: impl Fn(&str) -> Option<String>) {
        for line in self.0 {
            if let Some(text) = value(line.theirs).filter(|text| !text.is_empty()) {
                (line.set)(record, text);
            }
        }
    }
}

/// One of our members, under the provider's name, with its value in one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    ours: &'static str,
    /// The provider's name.
    pub theirs: &'static str,
    /// As the provider takes it; none = not set.
    pub value: Option<String>,
}

impl Member {
    /// `ours` as in the contract, `person.first-name`.
    #[must_use]
    pub fn new(ours: &'static str, theirs: &'static str, value: Option<String>) -> Self {
        Self { ours, theirs, value }
    }

    /// Whether a name in `only` or `clear` means this one: the member, a member that holds it, or the provider's name.
    fn is(&self, name: &str) -> bool {
        let (ours, name) = (self.ours.replace('_', "-"), name.replace('_', "-"));
        self.theirs.replace('_', "-") == name
            || ours == name
            || ours.strip_prefix(&name).is_some_and(|rest| rest.starts_with('.'))
    }
}

/// What an upsert writes: every member that is set (of those in `only`, if it names any), and `None` for those to clear.
///
/// # Errors
/// [`Error::Unsupported`] for a name in `clear` that no member goes by.
pub fn choose(
    members: &[Member],
    only: &[String],
    clear: &[String],
) -> Result<Vec<(&'static str, Option<String>)>> {
    let wanted = |member: &&Member| only.is_empty() || only.iter().any(|name| member.is(name));
    let set = members.iter().filter(wanted).filter(|member| member.value.is_some());
    let mut chosen: Vec<_> = set.map(|member| (member.theirs, member.value.clone())).collect();
    for name in clear {
        let before = chosen.len();
        chosen.extend(members.iter().filter(|member| member.is(name)).map(|member| (member.theirs, None)));
        if chosen.len() == before {
            return Err(Error::Unsupported(format!("clearing `{name}`")));
        }
    }
    Ok(chosen)
}

/// Makes a [`Fields`] table: `CONST: Record { our.member <=> "their_field", … }`. Members are texts, numbers, the lists
/// `emails` and `phones` (their first), and `addresses.city` and the like (the first address).
///
/// ```
/// use jackfield_connector::crm::Contact;
///
/// jackfield_connector::fields! { CONTACT: Contact {
///     person.first_name <=> "firstname",
///     person.emails <=> "email",
///     person.addresses.city <=> "city",
/// }}
///
/// let mut contact = Contact::default();
/// CONTACT.read(&mut contact, |name| (name == "email").then(|| "a@b.c".to_owned()));
/// let written = jackfield_connector::choose(&CONTACT.members(&contact), &[], &[]).expect("nothing to clear");
/// assert_eq!(written, [("email", Some("a@b.c".to_owned()))]);
/// assert_eq!(CONTACT.member("firstname").as_deref(), Some("person.first-name"));
/// ```
#[macro_export]
macro_rules! fields {
    ($(#[$meta:meta])* $vis:vis $name:ident : $record:ty { $($first:ident $(. $rest:ident)* <=> $theirs:literal),+ $(,)? }) => {
        $(#[$meta])*
        $vis const $name: $crate::Fields<$record> =
            $crate::Fields(&[$($crate::__field!($record; $theirs; $first $(. $rest)*)),+]);
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __field {
    ($record:ty; $theirs:literal; $at:ident . addresses . $part:ident) => {
        $crate::FieldOf {
            ours: concat!(stringify!($at), ".addresses.", stringify!($part)),
            theirs: $theirs,
            get: |r: &$record| r.$at.addresses.first().and_then(|a| a.$part.clone()),
            set: |r: &mut $record, v| $crate::first_address(&mut r.$at.addresses).$part = Some(v),
        }
    };
    ($record:ty; $theirs:literal; addresses . $part:ident) => {
        $crate::FieldOf {
            ours: concat!("addresses.", stringify!($part)),
            theirs: $theirs,
            get: |r: &$record| r.addresses.first().and_then(|a| a.$part.clone()),
            set: |r: &mut $record, v| $crate::first_address(&mut r.addresses).$part = Some(v),
        }
    };
    ($record:ty; $theirs:literal; $first:ident $(. $rest:ident)*) => {
        $crate::FieldOf {
            ours: concat!(stringify!($first) $(, ".", stringify!($rest))*),
            theirs: $theirs,
            get: |r: &$record| $crate::Slot::text(&r.$first$(.$rest)*),
            set: |r: &mut $record, v| $crate::Slot::put(&mut r.$first$(.$rest)*, v),
        }
    };
}

/// A member that a table can read and write as text.
#[doc(hidden)]
pub trait Slot {
    fn text(&self) -> Option<String>;
    fn put(&mut self, text: String);
}

impl Slot for Option<String> {
    fn text(&self) -> Option<String> {
        self.clone()
    }
    fn put(&mut self, text: String) {
        *self = Some(text);
    }
}

impl Slot for String {
    fn text(&self) -> Option<String> {
        (!self.is_empty()).then(|| self.clone())
    }
    fn put(&mut self, text: String) {
        *self = text;
    }
}

impl Slot for Option<u32> {
    fn text(&self) -> Option<String> {
        self.map(|number| number.to_string())
    }
    fn put(&mut self, text: String) {
        *self = text.parse().ok();
    }
}

impl Slot for Vec<Email> {
    fn text(&self) -> Option<String> {
        self.first().map(|email| email.address.clone())
    }
    fn put(&mut self, address: String) {
        self.push(Email { address, label: None, primary: self.is_empty() });
    }
}

impl Slot for Vec<Phone> {
    fn text(&self) -> Option<String> {
        self.first().map(|phone| phone.number.clone())
    }
    fn put(&mut self, number: String) {
        self.push(Phone { number, label: None, primary: self.is_empty() });
    }
}

#[doc(hidden)]
pub fn first_address(all: &mut Vec<Address>) -> &mut Address {
    if all.is_empty() {
        all.push(Address::default());
    }
    &mut all[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crm::Contact;

    crate::fields! { CONTACT: Contact {
        person.first_name <=> "firstname",
        person.phones <=> "phone",
        person.addresses.postal_code <=> "zip",
        lifecycle <=> "lifecyclestage",
    }}

    fn members() -> Vec<Member> {
        let mut contact = Contact::default();
        CONTACT.read(&mut contact, |name| Some(name.to_uppercase()));
        CONTACT.members(&contact)
    }

    #[test]
    fn a_table_reads_what_it_writes() {
        let written = choose(&members(), &[], &[]).expect("nothing to clear");
        assert_eq!(written.len(), 4);
        assert!(written.iter().all(|(name, value)| value.as_deref() == Some(&name.to_uppercase())));
    }

    #[test]
    fn only_names_members_their_holders_or_the_providers_fields() {
        let only = |name: &str| choose(&members(), &[name.to_owned()], &[]).expect("nothing to clear").len();
        assert_eq!(only("person.first-name"), 1);
        assert_eq!(only("person"), 3);
        assert_eq!(only("zip"), 1);
        assert_eq!(only("pers"), 0);
    }

    #[test]
    fn clearing_an_unknown_member_is_refused() {
        let clear = |name: &str| choose(&members(), &["none".to_owned()], &[name.to_owned()]);
        assert_eq!(clear("lifecycle").expect("known"), [("lifecyclestage", None)]);
        assert!(clear("shoe-size").is_err());
    }
}
