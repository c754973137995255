//! `claviger user`: create, list, delete, change a password, unlock.

use clap::{Args, Subcommand};
use claviger_rules::Role;
use serde_json::json;

use crate::answer::{self, Report};
use crate::arguments::Options;
use crate::connection::Connection;
use crate::credentials::{Pin, new_pin};
use crate::problem::Problem;

/// `claviger user …`.
#[derive(Subcommand)]
pub(crate) enum User {
    /// Create a user; a security officer does.
    Create(Create),
    /// List the users.
    List,
    /// Delete a user that owns nothing; a security officer does.
    Delete(Named),
    /// Change one's own password, or as a security officer anybody's.
    ChangePassword(ChangePassword),
    /// Unlock a user after too many wrong PINs; a security officer does.
    Unlock(Named),
}

#[derive(Args)]
pub(crate) struct Create {
    /// Name of the user.
    #[arg(long)]
    username: String,
    /// The user's role, for life: nu (normal user), km (key manager), so (security officer).
    #[arg(long, value_parser = role, value_name = "nu|km|so")]
    role: Role,
    /// The user's PIN; asked for on the terminal when absent.
    #[arg(long, value_parser = Pin::parse)]
    password: Option<Pin>,
}

#[derive(Args)]
pub(crate) struct Named {
    /// Name of the user.
    #[arg(long)]
    username: String,
}

#[derive(Args)]
pub(crate) struct ChangePassword {
    /// Name of the user.
    #[arg(long)]
    username: String,
    /// The new PIN; asked for on the terminal when absent.
    #[arg(long, value_parser = Pin::parse)]
    password: Option<Pin>,
}

impl User {
    pub(super) fn run(&self, options: &Options) -> Result<Report, Problem> {
        let connection = Connection::open(options)?;
        match self {
            Self::Create(verb) => create(&connection, verb),
            Self::List => list(&connection),
            Self::Delete(verb) => delete(&connection, &verb.username),
            Self::ChangePassword(verb) => change_password(&connection, verb),
            Self::Unlock(verb) => unlock(&connection, &verb.username),
        }
    }
}

fn create(connection: &Connection, verb: &Create) -> Result<Report, Problem> {
    let login = connection.login()?;
    let pin = new_pin(verb.password.as_ref(), "--password", &verb.username)?;
    let name = &verb.username;
    login
        .session
        .create_user(name, verb.role, pin.expose())
        .map_err(Problem::refused(format!("Could not create user {name:?}")))?;
    let data = json!({"username": name, "role": verb.role.name()});
    Ok(Report::new(data, format!("Created {} {name:?}.", verb.role.title())))
}

fn list(connection: &Connection) -> Result<Report, Problem> {
    let users = connection.library.users(connection.slot)?;
    let data: Vec<_> = users
        .iter()
        .map(|user| {
            json!({"username": user.name, "role": user.role.name(), "locked": user.locked, "failures": user.failures})
        })
        .collect();
    let mut table = answer::table(["Name", "Role", "Locked", "Wrong PINs"]);
    for user in &users {
        let locked = if user.locked { "yes" } else { "no" };
        table.add_row([user.name.as_str(), user.role.title(), locked, &user.failures.to_string()]);
    }
    Ok(Report::new(json!({"users": data}), table.trim_fmt()))
}

fn delete(connection: &Connection, name: &str) -> Result<Report, Problem> {
    let login = connection.login()?;
    login.session.delete_user(name).map_err(Problem::refused(format!("Could not delete user {name:?}")))?;
    Ok(Report::new(json!({"username": name}), format!("Deleted user {name:?}.")))
}

fn change_password(connection: &Connection, verb: &ChangePassword) -> Result<Report, Problem> {
    let login = connection.login()?;
    let name = &verb.username;
    let pin = new_pin(verb.password.as_ref(), "--password", name)?;
    let changed = if *name == login.credentials.name {
        login.session.set_pin(login.credentials.pin.expose(), pin.expose())
    } else {
        login.session.change_password(name, pin.expose())
    };
    changed.map_err(Problem::refused(format!("Could not change the password of user {name:?}")))?;
    Ok(Report::new(json!({"username": name}), format!("Changed the password of user {name:?}.")))
}

fn unlock(connection: &Connection, name: &str) -> Result<Report, Problem> {
    let login = connection.login()?;
    login.session.unlock_user(name).map_err(Problem::refused(format!("Could not unlock user {name:?}")))?;
    Ok(Report::new(json!({"username": name}), format!("Unlocked user {name:?}.")))
}

fn role(text: &str) -> Result<Role, String> {
    Role::from_name(text).ok_or_else(|| "the roles are nu, km and so".to_owned())
}
