//! Files that list packages, recognized by their path.

use super::{Package, System, apk, debian, npm, python, rpm, system};
use std::collections::HashSet;

/// Bytes of a file that describes one thing. Databases have no limit here but that of their reader.
const MAX_DOCUMENT: usize = 8 << 20;

/// A file that announces packages, what it is by its path alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Database {
    /// `var/lib/dpkg/status`.
    DpkgStatus,
    /// `var/lib/dpkg/status.d/NAME`, as images without dpkg have it.
    DpkgStatusDir,
    /// `usr/share/doc/PACKAGE/copyright`.
    DebianCopyright,
    /// `lib/apk/db/installed`.
    Apk,
    /// `rpmdb.sqlite`: RPM since 4.16.
    RpmSqlite,
    /// `rpmdb.sqlite-wal`: changes that are not in the database yet. They are not read; one that is not empty is said
    /// to be unread.
    RpmSqliteLog,
    /// `Packages.db`: RPM of SUSE.
    RpmNdb,
    /// `Packages`: RPM before 4.16, a hash of Berkeley DB.
    RpmBdb,
    /// `METADATA` or `PKG-INFO` of a Python distribution.
    PythonMetadata,
    /// `package.json` of an application, or of what npm installed in `node_modules`.
    NpmPackage,
    /// `etc/os-release`.
    OsRelease,
    /// `etc/passwd`.
    Passwd,
}

/// What a file of [`Database`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackageEvidence {
    /// Packages that are there.
    Packages(Vec<Package>),
    /// Licences of a package that another file announces.
    Licenses {
        /// What it is called.
        package: String,
        /// As found; none where the file names them in prose.
        licenses: Vec<String>,
    },
    /// What the system says it is.
    System(System),
    /// Names of users that are root.
    RootUsers(Vec<String>),
}

impl Database {
    /// What the file at `path`, without a slash in front as in a layer, announces.
    ///
    /// Databases are known in any directory, since an image may carry the root of another system; what belongs to one
    /// system, its name and the licences of its packages, at the root alone.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        let is_in = |known: &str| {
            folder.strip_suffix(known).is_some_and(|above| above.is_empty() || above.ends_with('/'))
        };
        let is_rpm = || ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"].into_iter().any(is_in);
        match name {
            "status" if is_in("var/lib/dpkg") => Some(Self::DpkgStatus),
            "copyright" if folder.strip_prefix("usr/share/doc/").is_some_and(|rest| !rest.contains('/')) => {
                Some(Self::DebianCopyright)
            }
            "installed" if is_in("lib/apk/db") => Some(Self::Apk),
            "os-release" if matches!(folder, "etc" | "usr/lib") => Some(Self::OsRelease),
            "passwd" if folder == "etc" => Some(Self::Passwd),
            "rpmdb.sqlite" if is_rpm() => Some(Self::RpmSqlite),
            "rpmdb.sqlite-wal" if is_rpm() => Some(Self::RpmSqliteLog),
            "Packages.db" if is_rpm() => Some(Self::RpmNdb),
            "Packages" if is_rpm() => Some(Self::RpmBdb),
            "METADATA" if folder.ends_with(".dist-info") => Some(Self::PythonMetadata),
            "PKG-INFO" if folder.ends_with(".egg-info") || is_in("EGG-INFO") => Some(Self::PythonMetadata),
            "package.json" if is_npm(folder) => Some(Self::NpmPackage),
            _ if is_in("var/lib/dpkg/status.d") && !name.ends_with(".md5sums") => Some(Self::DpkgStatusDir),
            _ if name.ends_with(".egg-info") => Some(Self::PythonMetadata),
            _ => None,
        }
    }

    /// What it is, for users.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DpkgStatus => "dpkg's database",
            Self::DpkgStatusDir => "dpkg's entry of one package",
            Self::DebianCopyright => "Debian copyright file",
            Self::Apk => "apk's database",
            Self::RpmSqlite => "rpm's database (sqlite)",
            Self::RpmSqliteLog => "rpm's write-ahead log (sqlite)",
            Self::RpmNdb => "rpm's database (ndb)",
            Self::RpmBdb => "rpm's database (Berkeley DB)",
            Self::PythonMetadata => "Python metadata",
            Self::NpmPackage => "npm's package.json",
            Self::OsRelease => "os-release",
            Self::Passwd => "list of users",
        }
    }

    const fn is_document(self) -> bool {
        match self {
            Self::DebianCopyright
            | Self::PythonMetadata
            | Self::NpmPackage
            | Self::OsRelease
            | Self::Passwd => true,
            Self::DpkgStatus
            | Self::DpkgStatusDir
            | Self::Apk
            | Self::RpmSqlite
            | Self::RpmSqliteLog
            | Self::RpmNdb
            | Self::RpmBdb => false,
        }
    }
}

/// True for the directory of a package of npm: one that npm installed, `node_modules/NAME` or `node_modules/@SCOPE/NAME`, and
/// every one that is in no `node_modules`. What is deeper in an installed package is a part of it.
fn is_npm(folder: &str) -> bool {
    match folder.rsplit('/').position(|name| name == "node_modules") {
        None | Some(1) => true,
        Some(2) => folder.rsplit('/').nth(1).is_some_and(|scope| scope.starts_with('@')),
        Some(_) => false,
    }
}

/// What a file announces.
///
/// # Errors
/// Why it could not be read, for the user.
pub fn read(database: Database, path: &str, bytes: &[u8]) -> Result<PackageEvidence, String> {
    if database.is_document() && bytes.len() > MAX_DOCUMENT {
        return Err(format!("it has {} bytes, more than {MAX_DOCUMENT}", bytes.len()));
    }
    let packages = match database {
        Database::DpkgStatus | Database::DpkgStatusDir => debian::packages(bytes),
        Database::DebianCopyright => {
            let package = path.rsplit('/').nth(1).unwrap_or_default().to_owned();
            return Ok(PackageEvidence::Licenses { package, licenses: debian::copyright(bytes) });
        }
        Database::Apk => apk::packages(bytes),
        Database::RpmSqlite => rpm::packages(bytes, rpm::sqlite),
        Database::RpmSqliteLog if bytes.is_empty() => Ok(Vec::new()),
        Database::RpmSqliteLog => {
            Err("it holds changes of rpm's database that are not read; packages may be missing".to_owned())
        }
        Database::RpmNdb => rpm::packages(bytes, rpm::ndb),
        Database::RpmBdb => rpm::packages(bytes, rpm::bdb),
        Database::PythonMetadata => python::packages(bytes),
        Database::NpmPackage => npm::packages(bytes),
        Database::OsRelease => return system::system(bytes).map(PackageEvidence::System),
        Database::Passwd => return Ok(PackageEvidence::RootUsers(root_users(bytes))),
    };
    packages.map(PackageEvidence::Packages)
}

/// The names in a `passwd` that engines take for root, as the library of runc, containerd, Docker and Podman reads it
/// (`moby/sys/user`): the first line of a name counts, and a number that is none is 0.
fn root_users(bytes: &[u8]) -> Vec<String> {
    let (text, mut seen, mut found) = (String::from_utf8_lossy(bytes), HashSet::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut fields = line.split(':');
        let name = fields.next().unwrap_or_default();
        let number = fields.nth(1).unwrap_or_default();
        if seen.insert(name) && number.parse::<i64>().unwrap_or(0) == 0 {
            found.push(name.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests;
