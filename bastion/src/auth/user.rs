//! The user of a login.

use std::sync::Arc;

use super::denial::Denial;
use crate::{
    directory::{Directory, User},
    login::Login,
};

/// Finds the user that the login `text` names.
pub(super) fn named(directory: &Directory, text: &str) -> Result<(Login, Arc<User>), Denial> {
    let login = Login::parse(text)?;
    let user = directory.user(login.user()).ok_or(Denial::NoSuchUser)?;
    Ok((login, user))
}
