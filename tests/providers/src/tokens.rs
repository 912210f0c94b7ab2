//! Which bearer tokens a fake takes, and what each may do.

use std::collections::{BTreeMap, BTreeSet};

/// The tokens that a fake knows.
#[derive(Debug, Clone, Default)]
pub struct Tokens(BTreeMap<String, Standing>);

#[derive(Debug, Clone)]
enum Standing {
    /// Good for these scopes; `None` stands for every scope.
    Good(Option<BTreeSet<String>>),
    Expired,
    Revoked,
}

/// Why a token was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There was none.
    Missing,
    /// Nobody issued it.
    Unknown,
    /// It was good once.
    Expired,
    /// Its owner withdrew it.
    Revoked,
    /// It lacks a scope.
    Scope {
        /// The scopes of which one would do.
        needed: Vec<String>,
        /// The scopes it has.
        provided: Vec<String>,
    },
}

impl Tokens {
    /// Takes `token` from now on, for every scope.
    pub fn accept(&mut self, token: impl Into<String>) {
        self.0.insert(token.into(), Standing::Good(None));
    }

    /// Takes `token` from now on, for these scopes only.
    pub fn accept_scoped<S: Into<String>>(
        &mut self,
        token: impl Into<String>,
        scopes: impl IntoIterator<Item = S>,
    ) {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.0.insert(token.into(), Standing::Good(Some(scopes)));
    }

    /// Answers `token` as one that has run out.
    pub fn expire(&mut self, token: impl Into<String>) {
        self.0.insert(token.into(), Standing::Expired);
    }

    /// Answers `token` as one that was withdrawn.
    pub fn revoke(&mut self, token: impl Into<String>) {
        self.0.insert(token.into(), Standing::Revoked);
    }

    /// Whether `token` is good, and for one of `any_of` if that is not empty.
    pub fn check(&self, token: Option<&str>, any_of: &[&str]) -> Result<(), Refusal> {
        let token = token.filter(|text| !text.is_empty()).ok_or(Refusal::Missing)?;
        match self.0.get(token).ok_or(Refusal::Unknown)? {
            Standing::Expired => Err(Refusal::Expired),
            Standing::Revoked => Err(Refusal::Revoked),
            Standing::Good(None) => Ok(()),
            Standing::Good(Some(scopes)) => {
                if any_of.is_empty() || any_of.iter().any(|scope| scopes.contains(*scope)) {
                    return Ok(());
                }
                let needed = any_of.iter().map(ToString::to_string).collect();
                Err(Refusal::Scope { needed, provided: scopes.iter().cloned().collect() })
            }
        }
    }

    /// The scopes of a good token that has a list of them.
    pub fn scopes(&self, token: Option<&str>) -> Option<Vec<String>> {
        match self.0.get(token?)? {
            Standing::Good(Some(scopes)) => Some(scopes.iter().cloned().collect()),
            _ => None,
        }
    }
}

impl<S: Into<String>> FromIterator<S> for Tokens {
    fn from_iter<I: IntoIterator<Item = S>>(tokens: I) -> Self {
        let mut all = Self::default();
        tokens.into_iter().for_each(|token| all.accept(token));
        all
    }
}
