//! The properties that every account has: the part of HubSpot's own that integrations use.

use super::kind::Kind;
use super::properties::{Choice, Property};
use std::collections::BTreeMap;

/// name, label, type, field type
type Row = (&'static str, &'static str, &'static str, &'static str);
/// property, values
type Values = (&'static str, &'static [&'static str]);

const CONTACTS: &[Row] = &[
    ("email", "Email", "string", "text"),
    ("firstname", "First Name", "string", "text"),
    ("lastname", "Last Name", "string", "text"),
    ("phone", "Phone Number", "string", "phonenumber"),
    ("mobilephone", "Mobile Phone Number", "string", "phonenumber"),
    ("fax", "Fax Number", "string", "phonenumber"),
    ("company", "Company Name", "string", "text"),
    ("jobtitle", "Job Title", "string", "text"),
    ("salutation", "Salutation", "string", "text"),
    ("website", "Website URL", "string", "text"),
    ("address", "Street Address", "string", "text"),
    ("city", "City", "string", "text"),
    ("state", "State/Region", "string", "text"),
    ("zip", "Postal Code", "string", "text"),
    ("country", "Country/Region", "string", "text"),
    ("industry", "Industry", "string", "text"),
    ("message", "Message", "string", "textarea"),
    ("lifecyclestage", "Lifecycle Stage", "enumeration", "radio"),
    ("hs_lead_status", "Lead Status", "enumeration", "radio"),
    ("hs_language", "Preferred language", "enumeration", "select"),
    ("hs_timezone", "Time Zone", "string", "text"),
    ("annualrevenue", "Annual Revenue", "string", "text"),
    ("numemployees", "Number of Employees", "string", "text"),
    ("closedate", "Close Date", "datetime", "date"),
    ("hubspot_owner_id", "Contact owner", "enumeration", "select"),
];

const COMPANIES: &[Row] = &[
    ("name", "Company name", "string", "text"),
    ("domain", "Company Domain Name", "string", "text"),
    ("description", "Description", "string", "textarea"),
    ("phone", "Phone Number", "string", "phonenumber"),
    ("website", "Website URL", "string", "text"),
    ("address", "Street Address", "string", "text"),
    ("city", "City", "string", "text"),
    ("state", "State/Region", "string", "text"),
    ("zip", "Postal Code", "string", "text"),
    ("country", "Country/Region", "string", "text"),
    ("timezone", "Time Zone", "string", "text"),
    ("annualrevenue", "Annual Revenue", "number", "number"),
    ("numberofemployees", "Number of Employees", "number", "number"),
    ("lifecyclestage", "Lifecycle Stage", "enumeration", "radio"),
    ("hs_lead_status", "Lead Status", "enumeration", "radio"),
    ("hubspot_owner_id", "Company owner", "enumeration", "select"),
];

const DEALS: &[Row] = &[
    ("dealname", "Deal Name", "string", "text"),
    ("pipeline", "Pipeline", "enumeration", "select"),
    ("dealstage", "Deal Stage", "enumeration", "radio"),
    ("amount", "Amount", "number", "number"),
    ("closedate", "Close Date", "datetime", "date"),
    ("dealtype", "Deal Type", "enumeration", "radio"),
    ("description", "Deal Description", "string", "textarea"),
    ("hs_priority", "Priority", "enumeration", "select"),
    ("hubspot_owner_id", "Deal owner", "enumeration", "select"),
];

const NOTES: &[Row] = &[
    ("hs_note_body", "Note body", "string", "html"),
    ("hs_timestamp", "Activity date", "datetime", "date"),
    ("hs_attachment_ids", "Attached file IDs", "string", "text"),
    ("hs_unique_id", "Unique ID", "string", "text"),
    ("hubspot_owner_id", "Activity assigned to", "enumeration", "select"),
];

const CALLS: &[Row] = &[
    ("hs_call_title", "Call Title", "string", "text"),
    ("hs_call_body", "Call notes", "string", "html"),
    ("hs_call_direction", "Call direction", "enumeration", "select"),
    ("hs_call_status", "Call status", "enumeration", "select"),
    ("hs_call_duration", "Call duration", "number", "number"),
    ("hs_call_from_number", "From Number", "string", "text"),
    ("hs_call_to_number", "To Number", "string", "text"),
    ("hs_call_recording_url", "Recording URL", "string", "text"),
    ("hs_call_disposition", "Call outcome", "enumeration", "select"),
    ("hs_call_source", "Call Source", "enumeration", "select"),
    ("hs_call_callee_object_id", "Callee object id", "string", "text"),
    ("hs_timestamp", "Activity date", "datetime", "date"),
    ("hs_unique_id", "Unique ID", "string", "text"),
    ("hubspot_owner_id", "Activity assigned to", "enumeration", "select"),
];

const TASKS: &[Row] = &[
    ("hs_task_subject", "Task Title", "string", "text"),
    ("hs_task_body", "Task Notes", "string", "html"),
    ("hs_task_status", "Task Status", "enumeration", "select"),
    ("hs_task_priority", "Priority", "enumeration", "select"),
    ("hs_task_type", "Task Type", "enumeration", "select"),
    ("hs_timestamp", "Due date", "datetime", "date"),
    ("hs_unique_id", "Unique ID", "string", "text"),
    ("hubspot_owner_id", "Assigned to", "enumeration", "select"),
];

const MEETINGS: &[Row] = &[
    ("hs_meeting_title", "Meeting name", "string", "text"),
    ("hs_meeting_body", "Meeting description", "string", "html"),
    ("hs_internal_meeting_notes", "Internal meeting notes", "string", "html"),
    ("hs_meeting_start_time", "Start time", "datetime", "date"),
    ("hs_meeting_end_time", "End time", "datetime", "date"),
    ("hs_meeting_location", "Location", "string", "text"),
    ("hs_meeting_external_url", "External URL", "string", "text"),
    ("hs_meeting_outcome", "Meeting outcome", "enumeration", "select"),
    ("hs_activity_type", "Call and meeting type", "string", "text"),
    ("hs_timestamp", "Activity date", "datetime", "date"),
    ("hs_unique_id", "Unique ID", "string", "text"),
    ("hubspot_owner_id", "Activity assigned to", "enumeration", "select"),
];

const VALUES: &[Values] = &[
    (
        "lifecyclestage",
        &[
            "subscriber",
            "lead",
            "marketingqualifiedlead",
            "salesqualifiedlead",
            "opportunity",
            "customer",
            "evangelist",
            "other",
        ],
    ),
    (
        "hs_lead_status",
        &[
            "NEW",
            "OPEN",
            "IN_PROGRESS",
            "OPEN_DEAL",
            "UNQUALIFIED",
            "ATTEMPTED_TO_CONTACT",
            "CONNECTED",
            "BAD_TIMING",
        ],
    ),
    ("hs_language", &["de", "en", "es", "fr", "it", "ja", "nl", "pt"]),
    ("pipeline", &["default"]),
    ("dealstage", &STAGES),
    ("dealtype", &["newbusiness", "existingbusiness"]),
    ("hs_priority", &["low", "medium", "high"]),
    ("hs_call_direction", &["INBOUND", "OUTBOUND"]),
    (
        "hs_call_status",
        &[
            "BUSY",
            "CALLING_CRM_USER",
            "CANCELED",
            "COMPLETED",
            "CONNECTING",
            "FAILED",
            "IN_PROGRESS",
            "NO_ANSWER",
            "QUEUED",
            "RINGING",
        ],
    ),
    (
        "hs_call_disposition",
        &[
            "f240bbac-87c9-4f6e-bf70-924b57d47db7",
            "73a0d17f-1163-4015-bdd5-ec830791da20",
            "b2cf5968-551e-4856-9783-52b3da59a7d0",
            "9d9162e7-6cf3-4944-bf63-4dff82258764",
            "17b47fee-58de-441e-a44c-c6300d46f273",
        ],
    ),
    ("hs_call_source", &["INTEGRATIONS_PLATFORM"]),
    ("hs_task_status", &["NOT_STARTED", "IN_PROGRESS", "COMPLETED", "WAITING", "DEFERRED"]),
    ("hs_task_priority", &["NONE", "LOW", "MEDIUM", "HIGH"]),
    ("hs_task_type", &["TODO", "CALL", "EMAIL"]),
    ("hs_meeting_outcome", &["SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"]),
];

/// The stages of the one pipeline.
pub(super) const STAGES: [&str; 7] = [
    "appointmentscheduled",
    "qualifiedtobuy",
    "presentationscheduled",
    "decisionmakerboughtin",
    "contractsent",
    "closedwon",
    "closedlost",
];

/// The normalised numbers that search finds people by.
pub(super) const SEARCHABLE_PHONES: [(&str, &str); 2] = [
    ("hs_searchable_calculated_phone_number", "phone"),
    ("hs_searchable_calculated_mobile_phone_number", "mobilephone"),
];

/// Every standard property.
pub(super) fn standard() -> BTreeMap<(Kind, String), Property> {
    let mut all = BTreeMap::new();
    for kind in Kind::ALL {
        let rows = match kind {
            Kind::Contacts => CONTACTS,
            Kind::Companies => COMPANIES,
            Kind::Deals => DEALS,
            Kind::Notes => NOTES,
            Kind::Calls => CALLS,
            Kind::Tasks => TASKS,
            Kind::Meetings => MEETINGS,
        };
        for row in rows {
            all.insert((kind, row.0.to_owned()), property(kind, row, false));
        }
        let own = [
            ("hs_object_id", "Record ID", "number", "number"),
            (kind.created(), "Create Date", "datetime", "date"),
            (kind.modified(), "Last Modified Date", "datetime", "date"),
        ];
        for row in own {
            all.insert((kind, row.0.to_owned()), property(kind, &row, true));
        }
    }
    for (name, _) in SEARCHABLE_PHONES {
        let row = (name, "Calculated number", "string", "text");
        all.insert((Kind::Contacts, name.to_owned()), property(Kind::Contacts, &row, true));
    }
    all
}

fn property(kind: Kind, (name, label, r#type, field_type): &Row, read_only: bool) -> Property {
    let values = VALUES.iter().find(|(of, _)| of == name).map_or(&[][..], |(_, values)| values);
    let options = values.iter().zip(0..).map(|(value, display_order)| Choice {
        label: (*value).to_owned(),
        value: (*value).to_owned(),
        display_order,
        hidden: false,
    });
    Property {
        name: (*name).to_owned(),
        label: (*label).to_owned(),
        r#type: (*r#type).to_owned(),
        field_type: (*field_type).to_owned(),
        group: group(kind).to_owned(),
        description: String::new(),
        options: options.collect(),
        unique: false,
        read_only,
        created_at: None,
    }
}

fn group(kind: Kind) -> &'static str {
    match kind {
        Kind::Contacts => "contactinformation",
        Kind::Companies => "companyinformation",
        Kind::Deals => "dealinformation",
        Kind::Notes => "note",
        Kind::Calls => "call",
        Kind::Tasks => "task",
        Kind::Meetings => "meeting",
    }
}
