//! Contacts: one per e-mail address.

use jackfield_connector::crm::Contact;
use jackfield_connector::{Json, Member, json};

use crate::records::Draft;

jackfield_connector::fields! { pub CONTACT: Contact {
    person.first_name <=> "firstname",
    person.last_name <=> "lastname",
    person.emails <=> "email",
    person.phones <=> "phone",
    person.title <=> "jobtitle",
    person.company_name <=> "company",
    person.addresses.street <=> "address",
    person.addresses.city <=> "city",
    person.addresses.region <=> "state",
    person.addresses.postal_code <=> "zip",
    person.addresses.country <=> "country",
    lifecycle <=> "lifecyclestage",
}}

pub fn draft(contact: &Contact) -> Draft {
    let mut members = CONTACT.members(contact);
    let person = &contact.person;
    if person.first_name.is_none() && person.last_name.is_none() {
        // HubSpot has no display name: a name that cannot be told apart is a first name.
        members.push(Member::new("person.display-name", "firstname", person.display_name.clone()));
    }
    let mut draft = Draft::new("contacts", members, &contact.meta, &contact.links);
    draft.once("hs_lead_status", jackfield_connector::setting("leadStatus"));
    draft
}

/// Groups are alternatives. The calculated property holds area code and local number only, so it is asked for without
/// the one country code that can be told from digits alone, North America's.
pub fn by_phone(number: &str) -> Json {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let national = digits.strip_prefix('1').filter(|rest| rest.len() == 10).unwrap_or(&digits);
    let equals = |property: &str, value: &str| json!({ "filters": [{ "propertyName": property, "operator": "EQ", "value": value }] });
    json!([equals("phone", number), equals("hs_searchable_calculated_phone_number", national)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_connector::choose;
    use jackfield_connector::crm::Person;

    #[test]
    fn a_name_in_one_piece_becomes_the_first_name() {
        let person = Person { display_name: Some("Madonna".into()), ..Person::default() };
        let draft = draft(&Contact { person, ..Contact::default() });
        let set = choose(&draft.members, &[], &[]).expect("nothing to clear");
        assert_eq!(set, [("firstname", Some("Madonna".to_owned()))]);
    }

    #[test]
    fn a_north_american_number_is_searched_without_its_country_code() {
        let groups = by_phone("+15551234567");
        assert_eq!(groups[0]["filters"][0]["value"], "+15551234567");
        assert_eq!(groups[1]["filters"][0]["value"], "5551234567");
        assert_eq!(by_phone("+442071234567")[1]["filters"][0]["value"], "442071234567");
    }
}
