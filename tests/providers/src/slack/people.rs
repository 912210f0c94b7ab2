//! Who is who: the token's owner, people, the workspace.

use super::args::Args;
use super::errors::Trouble;
use super::methods::Answer;
use super::workspace::Workspace;
use crate::Call;
use serde_json::json;

impl Workspace {
    pub(super) fn auth_test(&mut self, _call: &Call, _args: &Args) -> Answer {
        Ok(json!({
            "url": format!("https://{}.slack.com/", self.domain()),
            "team": self.config.team,
            "user": "jackfield",
            "team_id": self.team_id,
            "user_id": self.bot_user,
            "bot_id": self.bot_id,
            "is_enterprise_install": false,
        }))
    }

    pub(super) fn lookup_by_email(&mut self, _call: &Call, args: &Args) -> Answer {
        let email = args.need("email")?.to_lowercase();
        let found = self.users.iter().find(|user| user.email == email);
        let user = found.ok_or_else(|| Trouble::new("users_not_found"))?;
        Ok(json!({"user": {
            "id": user.id,
            "team_id": self.team_id,
            "name": user.name,
            "deleted": false,
            "real_name": user.name,
            "tz": "America/New_York",
            "tz_label": "Eastern Standard Time",
            "tz_offset": -18_000,
            "profile": {
                "real_name": user.name,
                "real_name_normalized": user.name,
                "display_name": user.name,
                "display_name_normalized": user.name,
                "email": user.email,
                "team": self.team_id,
            },
            "is_admin": false,
            "is_owner": false,
            "is_primary_owner": false,
            "is_restricted": false,
            "is_ultra_restricted": false,
            "is_bot": false,
            "is_app_user": false,
            "updated": 1_700_000_000,
        }}))
    }

    pub(super) fn team_info(&mut self, _call: &Call, _args: &Args) -> Answer {
        Ok(json!({"team": {
            "id": self.team_id,
            "name": self.config.team,
            "domain": self.domain(),
            "email_domain": "example.com",
            "icon": {"image_default": true},
        }}))
    }

    fn domain(&self) -> String {
        let words = self.config.team.to_lowercase();
        words.split_whitespace().collect::<Vec<_>>().join("-")
    }
}
