//! Reads `huntctl.toml`. What is wrong is told with the line, and without any value of the
//! file, since it may be a secret that somebody has written there by mistake.

#[path = "receive.rs"]
pub(super) mod receive;

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Account, Config, Environment, Quota, Store, sinks};
use crate::contract::nearest;
use crate::failure::{Exit, Failure};
use crate::secret::Secret;

pub(super) const NO_SECRETS: &str = "is a secret, or could be one, and must not stand here: write \
                          \"env:NAME\" or \"file:PATH\", and put it there";

/// A table of the file, with what it takes to say where something is wrong.
pub(super) struct Table<'a> {
    file: &'a File<'a>,
    /// What messages call it.
    name: &'static str,
    span: Range<usize>,
    table: &'a DeTable<'a>,
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

/// The configuration that stands in a file.
pub(super) fn read(path: &Path, text: &str, environment: Environment) -> Result<Config, Failure> {
    let file = File { path, text };
    let parsed = DeTable::parse(text).map_err(|problem| {
        let span = problem.span().unwrap_or(0..0);
        file.failure(&span, problem.message())
    })?;
    let root = Table {
        file: &file,
        name: "the file",
        span: 0..0,
        table: parsed.get_ref(),
    };
    root.knows(&[
        "account",
        "store",
        "quota",
        "receive",
        "sink",
        "dashboard",
        "portal",
    ])?;
    let mut config = Config::without_file(environment);
    config.accounts = root.accounts()?;
    if let Some(store) = root.table("store", "[store]")? {
        store.knows(&["url"])?;
        config.store = store.store()?;
    }
    if let Some(quota) = root.table("quota", "[quota]")? {
        quota.knows(&["file", "redis"])?;
        config.quota = quota.quota()?;
    }
    if let Some(table) = root.table("receive", "[receive]")? {
        config.receive = receive::read(&table)?;
    }
    config.sinks = sinks::read(&root)?;
    config.dashboard = super::dashboard::dashboard(&root)?;
    config.portal = super::dashboard::portal(&root)?;
    Ok(config)
}

impl File<'_> {
    fn failure(&self, span: &Range<usize>, why: impl std::fmt::Display) -> Failure {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = 1 + before.matches('\n').count();
        Failure::new(
            Exit::Usage,
            format!("{}:{line}: {why}", self.path.display()),
        )
    }

    /// A path of the file, from the folder of the file.
    fn folder(&self) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).to_owned()
    }
}

impl<'a> Table<'a> {
    /// Refuses keys that are not known.
    pub(super) fn knows(&self, known: &[&str]) -> Result<(), Failure> {
        for key in self.table.keys() {
            if known.contains(&&**key.get_ref()) {
                continue;
            }
            let advice = match nearest(key.get_ref(), known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("it can have {}", known.join(", ")),
            };
            let why = format!(
                "{} has no key `{}`; {advice}",
                self.name,
                key.get_ref().escape_debug()
            );
            return Err(self.file.failure(&key.span(), why));
        }
        Ok(())
    }

    pub(super) fn value(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(key)
    }

    /// What is wrong with the value of a key.
    pub(super) fn wrong(&self, key: &str, why: &str) -> Failure {
        let span = self.value(key).map_or(self.span.clone(), Spanned::span);
        self.file.failure(&span, format!("`{key}` {why}"))
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>, Failure> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let text = value.get_ref().as_str().filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| self.wrong(key, "must be a text in quotes"))?;
        Ok(Some(text))
    }

    pub(super) fn needed(&self, key: &str) -> Result<&'a str, Failure> {
        self.text(key)?.ok_or_else(|| {
            let why = format!("`{key}` is missing in {}", self.name);
            self.file.failure(&self.span, why)
        })
    }

    pub(super) fn secret(&self, key: &str) -> Result<Secret, Failure> {
        let secret = self.secret_of(self.needed(key)?);
        secret.ok_or_else(|| self.wrong(key, NO_SECRETS))
    }

    /// Where a secret is, if the text says it.
    pub(super) fn secret_of(&self, text: &str) -> Option<Secret> {
        Secret::parse(text, &self.folder())
    }

    pub(super) fn table(&self, key: &str, name: &'static str) -> Result<Option<Self>, Failure> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let table = value.get_ref().as_table();
        let table = table.ok_or_else(|| self.wrong(key, "must be a table"))?;
        Ok(Some(self.inner(name, value.span(), table)))
    }

    fn inner(&self, name: &'static str, span: Range<usize>, table: &'a DeTable<'a>) -> Self {
        Self {
            file: self.file,
            name,
            span,
            table,
        }
    }

    /// The tables of a list, each of which messages call by this name.
    pub(super) fn tables(&self, key: &str, name: &'static str) -> Result<Vec<Self>, Failure> {
        let Some(value) = self.value(key) else {
            return Ok(Vec::new());
        };
        let not_tables = || self.wrong(key, &format!("is written {name}, with two brackets"));
        let tables = value.get_ref().as_array().ok_or_else(not_tables)?.iter();
        let table = |table: &'a Spanned<DeValue<'a>>| {
            let inner = table.get_ref().as_table().ok_or_else(not_tables)?;
            Ok(self.inner(name, table.span(), inner))
        };
        tables.map(table).collect()
    }

    /// The keys with their values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a DeValue<'a>)> {
        let entries = self.table.iter();
        entries.map(|(key, value)| (&**key.get_ref(), value.get_ref()))
    }

    /// All of the file.
    pub(super) fn source(&self) -> &'a str {
        self.file.text
    }

    /// The folder of the file.
    pub(super) fn folder(&self) -> PathBuf {
        self.file.folder()
    }

    /// What is wrong with something in this table.
    pub(super) fn wrong_within(&self, why: &str) -> Failure {
        let why = format!("{}: {why}", self.name);
        self.file.failure(&self.span, why)
    }

    fn accounts(&self) -> Result<Vec<Account>, Failure> {
        let mut names = BTreeSet::new();
        let mut accounts = Vec::new();
        for table in self.tables("account", "[[account]]")? {
            let account = table.account()?;
            if !names.insert(account.name.clone()) {
                return Err(table.wrong("name", "is that of another [[account]], too"));
            }
            accounts.push(account);
        }
        Ok(accounts)
    }

    fn account(&self) -> Result<Account, Failure> {
        self.knows(&["name", "key", "secret", "base_url", "reseller", "quota"])?;
        let reseller = match self.value("reseller") {
            None => false,
            Some(value) => {
                let told = value.get_ref().as_bool();
                told.ok_or_else(|| self.wrong("reseller", "must be true or false"))?
            }
        };
        let quota = self.text("quota")?.map(str::to_owned);
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if quota
            .as_ref()
            .is_some_and(|name| !name.chars().all(fits) || name.starts_with('.'))
        {
            let why = "names a file: it can have letters, digits, `-`, `_` and `.` only";
            return Err(self.wrong("quota", why));
        }
        let base_url = self.text("base_url")?.map(str::to_owned);
        if base_url.as_ref().is_some_and(|url| url.contains('@')) {
            return Err(self.wrong("base_url", "has a user or password in it"));
        }
        Ok(Account {
            name: self.needed("name")?.to_owned(),
            key: self.secret("key")?,
            secret: self.secret("secret")?,
            base_url,
            reseller,
            quota,
        })
    }

    fn store(&self) -> Result<Store, Failure> {
        let url = self.needed("url")?;
        let folder = self.file.folder();
        if let Some(secret) = Secret::parse(url, &folder) {
            return Ok(Store::Kept(secret));
        }
        match url.split_once(':') {
            Some(("sqlite", ":memory:" | "")) => Ok(Store::Url(url.to_owned())),
            Some(("sqlite", path)) => {
                let path = folder.join(path);
                Ok(Store::Url(format!("sqlite:{}", path.display())))
            }
            Some(("postgres" | "postgresql", rest)) if has_password(rest) => {
                Err(self.wrong("url", NO_SECRETS))
            }
            Some(("postgres" | "postgresql", _)) => Ok(Store::Url(url.to_owned())),
            _ => {
                let why = "must be \"sqlite:PATH\", \"postgres://…\" or \"env:NAME\"";
                Err(self.wrong("url", why))
            }
        }
    }

    fn quota(&self) -> Result<Quota, Failure> {
        match (self.text("file")?, self.value("redis")) {
            (None, None) => Ok(Quota::Default),
            (Some(folder), None) => Ok(Quota::Folder(self.file.folder().join(folder))),
            (None, Some(_)) => Ok(Quota::Redis(self.secret("redis")?)),
            (Some(_), Some(_)) => Err(self.wrong("redis", "and `file` are both given: keep one")),
        }
    }
}

/// Whether what follows the scheme has a password: `user:password@`, or as a parameter.
fn has_password(rest: &str) -> bool {
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = before.trim_start_matches('/');
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| user.contains(':'))
        || query.split('&').any(|pair| pair.starts_with("password="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Config, String> {
        let environment = Environment::of([]);
        let read = read(Path::new("/etc/acme/huntctl.toml"), text, environment);
        read.map_err(|failure| failure.to_string())
    }

    #[track_caller]
    fn refused(text: &str, why: &str) {
        let said = config(text).unwrap_err();
        assert_eq!(said, format!("/etc/acme/huntctl.toml:{why}"));
    }

    const ACCOUNT: &str = "[[account]]\nname = \"acme\"\nkey = \"env:K\"\nsecret = \"file:s\"\n";

    #[test]
    fn the_template_says_nothing_until_a_line_of_it_is_uncommented() {
        let empty = config(super::super::TEMPLATE).unwrap();
        assert_eq!((empty.accounts.len(), &empty.quota), (0, &Quota::Default));
        // Every line that could be one of the file is true.
        let lines = super::super::TEMPLATE
            .lines()
            .filter_map(|line| line.strip_prefix("# "));
        let lines = lines.filter(|line| line.starts_with('[') || line.contains(" = "));
        let lines = lines.filter(|line| !line.starts_with("redis"));
        let text: Vec<&str> = lines.collect();
        let full = config(&text.join("\n")).unwrap();
        assert!(full.accounts[0].reseller);
        assert_eq!(full.quota, Quota::Folder("/var/lib/huntctl".into()));
        assert_eq!(
            full.store,
            Store::Url("sqlite:/etc/acme/huntress.db".into())
        );
    }

    #[test]
    fn paths_are_those_of_the_files_folder() {
        let read = config(ACCOUNT).unwrap();
        let account = &read.accounts[0];
        assert_eq!(account.key, Secret::Variable("K".into()));
        assert_eq!(account.secret, Secret::File("/etc/acme/s".into()));
        let read = config("[quota]\nfile = \"q\"").unwrap();
        assert_eq!(read.quota, Quota::Folder("/etc/acme/q".into()));
        let read = config("[quota]\nredis = \"env:R\"").unwrap();
        assert_eq!(read.quota, Quota::Redis(Secret::Variable("R".into())));
        let read = config("[store]\nurl = \"env:D\"").unwrap();
        assert_eq!(read.store, Store::Kept(Secret::Variable("D".into())));
    }

    #[test]
    fn a_secret_is_refused_and_not_shown() {
        let secrets = [
            "[[account]]\nname = \"a\"\nkey = \"hk_geheim\"\nsecret = \"env:S\"",
            "[[account]]\nname = \"a\"\nkey = \"env:K\"\nsecret = \"hs_geheim\"",
            "[store]\nurl = \"postgres://me:geheim@db/x\"",
            "[store]\nurl = \"postgres://db/x?user=me&password=geheim\"",
            "[quota]\nredis = \"redis://:geheim@host\"",
        ];
        for text in secrets {
            let said = config(text).unwrap_err();
            assert!(said.contains("must not stand here"), "{said}");
            assert!(!said.contains("geheim"), "{said}");
        }
        for text in [
            "secret = hs_geheim",
            "[[account]]\nsecret = [\"hs_geheim\"",
            "[store]\nurl = 'a\nhs_geheim'",
        ] {
            let said = config(text).unwrap_err();
            assert!(!said.contains("geheim"), "{said}");
        }
        assert!(config("[store]\nurl = \"postgres://me@db/x?sslmode=require\"").is_ok());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        refused(
            "[acount]",
            "1: the file has no key `acount`; did you mean `account`?",
        );
        refused(
            "\n[store]\nxyzzy = 1",
            "3: [store] has no key `xyzzy`; it can have url",
        );
        refused(
            &ACCOUNT.replace("secret", "secrte"),
            "4: [[account]] has no key `secrte`; did you mean `secret`?",
        );
        refused(
            "[[account]]\nname = \"a\"\n",
            "1: `key` is missing in [[account]]",
        );
        refused(
            "[account]\nname = \"a\"",
            "1: `account` is written [[account]], with two brackets",
        );
        refused(
            &format!("{ACCOUNT}{ACCOUNT}"),
            "6: `name` is that of another [[account]], too",
        );
        refused(
            &format!("{ACCOUNT}reseller = \"yes\""),
            "5: `reseller` must be true or false",
        );
        refused(
            &format!("{ACCOUNT}quota = \"../x\""),
            "5: `quota` names a file: it can have letters, digits, `-`, `_` and `.` only",
        );
        refused(
            "[store]\nurl = \"mysql://x\"",
            "2: `url` must be \"sqlite:PATH\", \"postgres://…\" or \"env:NAME\"",
        );
        refused("[store]\nurl = 7", "2: `url` must be a text in quotes");
        refused(
            "[quota]\nfile = \"a\"\nredis = \"env:R\"",
            "3: `redis` and `file` are both given: keep one",
        );
    }
}
