//! The other accounts of this machine whose platform this account has taken over.

use std::sync::{Arc, Mutex, PoisonError};

use devplat_tool::local::Account;

/// Accounts whose marks count as this account's own. Clones share them, because finders add the accounts that they meet
/// after the user agreed to take a platform over.
#[derive(Debug, Clone, Default)]
pub struct TakenOver {
    accounts: Arc<Mutex<Vec<Account>>>,
}

impl TakenOver {
    /// Returns the accounts that these texts name, as `UID:NAME`.
    pub fn of(texts: &[String]) -> Self {
        let accounts = texts.iter().filter_map(|text| Account::parse(text, ':')).collect();
        Self { accounts: Arc::new(Mutex::new(accounts)) }
    }

    /// Adds an account.
    pub fn add(&self, account: &Account) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if !accounts.contains(account) {
            accounts.push(account.clone());
        }
    }

    /// Returns all accounts.
    pub fn all(&self) -> Vec<Account> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns all accounts as texts, in a constant order.
    pub fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.all().iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    }
}
