//! The other accounts of this machine whose platform this account has taken over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
        let mut accounts = self.locked();
        if !accounts.contains(account) {
            accounts.push(account.clone());
        }
    }

    /// Returns whether this account is one of them.
    pub fn has(&self, account: &Account) -> bool {
        self.locked().contains(account)
    }

    /// Returns whether an account with this user ID is one of them, under any name.
    pub fn has_user(&self, uid: u32) -> bool {
        self.locked().iter().any(|account| account.uid == uid)
    }

    /// Returns all accounts as texts, in a constant order.
    pub fn texts(&self) -> Vec<String> {
        let mut texts: Vec<String> = self.locked().iter().map(ToString::to_string).collect();
        texts.sort();
        texts
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_of_another_name_is_taken_over_only_by_its_user_id() {
        let taken = TakenOver::of(&["1000:other".to_owned(), "not an account".to_owned()]);
        let account = |name: &str| Account { uid: 1000, name: name.to_owned() };
        assert!(taken.has(&account("other")) && !taken.has(&account("third")));
        assert!(taken.has_user(1000) && !taken.has_user(1001));
        taken.add(&account("third"));
        assert_eq!(taken.texts(), ["1000:other", "1000:third"]);
    }
}
