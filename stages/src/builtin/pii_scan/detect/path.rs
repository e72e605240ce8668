//! File paths that carry a user's name.

use super::super::keys::Facts;
use super::{before, is_word};

/// Directories below which every user has one.
const HOMES: &[&str] = &[
    "/home/",
    "/Users/",
    "\\Users\\",
    "\\homes\\",
    "\\Documents and Settings\\",
    "/var/mail/",
    "/export/home/",
    "\\home\\",
    ":/Users/",
    "/var/folders/",
    "\\Users/",
    "/data/user/",
];

/// Users that are no persons: the accounts of services, and directories that all share.
const SERVICES: &[&str] = &[
    "node",
    "runner",
    "ubuntu",
    "root",
    "app",
    "shared",
    "public",
    "default",
    "all users",
    "user",
    "username",
    "me",
    "you",
    "vscode",
    "codespace",
    "circleci",
    "jenkins",
    "ec2-user",
    "admin",
    "administrator",
    "nobody",
    "www-data",
    "nonroot",
    "default user",
    "site",
    "gitpod",
    "vagrant",
    "debian",
    "centos",
    "deploy",
    "docker",
    "linuxbrew",
    "travis",
    "build",
    "builder",
    "coder",
];

/// A path that goes through somebody's home directory.
pub(super) fn home(text: &str, _: Facts) -> bool {
    HOMES.iter().any(|home| {
        text.match_indices(home).any(|(at, _)| {
            let rest = text.get(at + home.len()..).unwrap_or_default();
            let ends = |c: char| c.is_whitespace() || "/\\\"'`)]},;:|<>&?".contains(c);
            let user = rest.split(ends).next().unwrap_or_default();
            // `example.org/home/page` is a route. A drive may stand before: `/c/Users/`.
            let route = *home == "/home/" && is_word(before(text, at));
            let named = user.chars().next().is_some_and(char::is_alphanumeric);
            named && !route && !SERVICES.iter().any(|service| user.eq_ignore_ascii_case(service))
        })
    })
}

/// `~mina/wx`, where a path begins.
pub(super) fn tilde(text: &str, _: Facts) -> bool {
    text.match_indices('~').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or_default();
        let user = rest.split(['/', '\\']).next().unwrap_or_default();
        let begins = !is_word(before(text, at)) && rest.len() > user.len();
        let named = user.len() >= 3 && user.bytes().all(|b| b.is_ascii_lowercase());
        begins && named && !SERVICES.contains(&user)
    })
}
