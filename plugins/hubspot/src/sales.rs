//! Companies and deals.

use jackfield_connector::crm::{Company, Deal, DealStatus, Money};
use jackfield_connector::{Error, Json, Member, Result, json};

use crate::records::Draft;

jackfield_connector::fields! { pub COMPANY: Company {
    name <=> "name",
    domain <=> "domain",
    industry <=> "industry",
    employees <=> "numberofemployees",
    phones <=> "phone",
    addresses.street <=> "address",
    addresses.city <=> "city",
    addresses.region <=> "state",
    addresses.postal_code <=> "zip",
    addresses.country <=> "country",
}}

jackfield_connector::fields! { pub DEAL: Deal {
    name <=> "dealname",
    pipeline <=> "pipeline",
    stage <=> "dealstage",
    close_date <=> "closedate",
    description <=> "description",
}}

pub fn company(company: &Company) -> Draft {
    Draft::new("companies", COMPANY.members(company), &company.meta, &company.links)
}

/// Won and lost are stages in HubSpot, and their ids differ from pipeline to pipeline: only the default pipeline's are
/// known without asking.
pub fn deal(deal: &Deal) -> Result<Draft> {
    let mut members = DEAL.members(deal);
    members.push(Member::new("amount", "amount", deal.amount.as_ref().map(|money| money.amount.clone())));
    members.push(Member::new(
        "amount",
        "deal_currency_code",
        deal.amount.as_ref().map(|money| money.currency.clone()),
    ));
    let in_default_pipeline = deal.pipeline.as_deref().is_none_or(|pipeline| pipeline == "default");
    let closed = match (deal.status, &deal.stage) {
        (None | Some(DealStatus::Open), _) | (_, Some(_)) => None,
        (Some(_), None) if !in_default_pipeline => {
            return Err(Error::unsupported("a deal's status in a pipeline of your own; give its stage"));
        }
        (Some(DealStatus::Won), None) => Some("closedwon"),
        (Some(DealStatus::Lost), None) => Some("closedlost"),
    };
    members.push(Member::new("status", "dealstage", closed.map(str::to_owned)));
    Ok(Draft::new("deals", members, &deal.meta, &deal.links))
}

pub fn read_amount(text: &dyn Fn(&str) -> Option<String>) -> Option<Money> {
    Some(Money { amount: text("amount")?, currency: text("deal_currency_code").unwrap_or_default() })
}

pub fn by_domain(domain: &str) -> Json {
    json!([{ "filters": [{ "propertyName": "domain", "operator": "EQ", "value": domain }] }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use jackfield_connector::choose;

    fn stage(deal: &Deal) -> Result<Vec<(&'static str, Option<String>)>> {
        choose(&super::deal(deal)?.members, &["status".to_owned()], &[])
    }

    #[test]
    fn a_won_deal_without_a_stage_goes_to_the_default_pipelines_stage() {
        let won = Deal { status: Some(DealStatus::Won), ..Deal::default() };
        assert_eq!(stage(&won).expect("known"), [("dealstage", Some("closedwon".to_owned()))]);
    }

    #[test]
    fn a_won_deal_in_another_pipeline_needs_a_stage() {
        let won = Deal { status: Some(DealStatus::Won), pipeline: Some("p2".into()), ..Deal::default() };
        assert!(matches!(stage(&won), Err(Error::Unsupported(_))));
    }
}
