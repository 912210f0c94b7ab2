//! The kinds of object that the fake keeps.

/// A kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// People.
    Contacts,
    /// Organizations.
    Companies,
    /// Sales under way.
    Deals,
    /// Notes on a record's timeline.
    Notes,
    /// Calls on a record's timeline.
    Calls,
    /// Things to do.
    Tasks,
    /// Meetings on a record's timeline.
    Meetings,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] =
        [Self::Contacts, Self::Companies, Self::Deals, Self::Notes, Self::Calls, Self::Tasks, Self::Meetings];

    /// The kind of a path segment: plural, singular or type id.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        Self::ALL
            .into_iter()
            .find(|kind| text == kind.plural() || text == kind.singular() || text == kind.type_id())
    }

    /// The name in a path.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Companies => "companies",
            Self::Deals => "deals",
            Self::Notes => "notes",
            Self::Calls => "calls",
            Self::Tasks => "tasks",
            Self::Meetings => "meetings",
        }
    }

    /// The name in an association.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Companies => "company",
            other => other.plural().trim_end_matches('s'),
        }
    }

    /// The type id.
    pub fn type_id(self) -> &'static str {
        match self {
            Self::Contacts => "0-1",
            Self::Companies => "0-2",
            Self::Deals => "0-3",
            Self::Notes => "0-46",
            Self::Calls => "0-48",
            Self::Tasks => "0-27",
            Self::Meetings => "0-47",
        }
    }

    /// Whether it lies on the timeline of other records.
    pub fn is_engagement(self) -> bool {
        matches!(self, Self::Notes | Self::Calls | Self::Tasks | Self::Meetings)
    }

    pub(super) fn created(self) -> &'static str {
        if self.is_engagement() { "hs_createdate" } else { "createdate" }
    }

    pub(super) fn modified(self) -> &'static str {
        if self == Self::Contacts { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// What is returned if the caller names no properties.
    pub(super) fn shown(self) -> &'static [&'static str] {
        match self {
            Self::Contacts => &["email", "firstname", "lastname"],
            Self::Companies => &["domain", "name"],
            Self::Deals => &["amount", "closedate", "dealname", "dealstage", "pipeline"],
            _ => &[],
        }
    }

    pub(super) fn required(self) -> &'static [&'static str] {
        if self.is_engagement() { &["hs_timestamp"] } else { &[] }
    }

    /// The scope for reading or writing; timelines go with contacts.
    pub(super) fn scope(self, write: bool) -> &'static str {
        match (self, write) {
            (Self::Companies, false) => "crm.objects.companies.read",
            (Self::Companies, true) => "crm.objects.companies.write",
            (Self::Deals, false) => "crm.objects.deals.read",
            (Self::Deals, true) => "crm.objects.deals.write",
            (_, false) => "crm.objects.contacts.read",
            (_, true) => "crm.objects.contacts.write",
        }
    }

    /// The number of the plain association from one kind to another, if the two can be associated.
    pub(super) fn link_to(self, to: Self) -> Option<u32> {
        use Kind::{Calls, Companies, Contacts, Deals, Meetings, Notes, Tasks};
        Some(match (self, to) {
            (Contacts, Companies) => 279,
            (Companies, Contacts) => 280,
            (Deals, Contacts) => 3,
            (Contacts, Deals) => 4,
            (Deals, Companies) => 341,
            (Companies, Deals) => 342,
            (Contacts, Calls) => 193,
            (Calls, Contacts) => 194,
            (Contacts, Meetings) => 199,
            (Meetings, Contacts) => 200,
            (Contacts, Notes) => 201,
            (Notes, Contacts) => 202,
            (Contacts, Tasks) => 203,
            (Tasks, Contacts) => 204,
            (Companies, Calls) => 181,
            (Calls, Companies) => 182,
            (Companies, Meetings) => 187,
            (Meetings, Companies) => 188,
            (Companies, Notes) => 189,
            (Notes, Companies) => 190,
            (Companies, Tasks) => 191,
            (Tasks, Companies) => 192,
            (Deals, Calls) => 205,
            (Calls, Deals) => 206,
            (Deals, Meetings) => 211,
            (Meetings, Deals) => 212,
            (Deals, Notes) => 213,
            (Notes, Deals) => 214,
            (Deals, Tasks) => 215,
            (Tasks, Deals) => 216,
            _ => return None,
        })
    }

    /// The number of the association that makes the other record the primary one.
    pub(super) fn primary_link_to(self, to: Self) -> Option<u32> {
        Some(match (self, to) {
            (Self::Contacts, Self::Companies) => 1,
            (Self::Companies, Self::Contacts) => 2,
            (Self::Deals, Self::Companies) => 5,
            (Self::Companies, Self::Deals) => 6,
            _ => return None,
        })
    }
}
