//! Conclusions about the directory.

use super::super::Needs;
use super::super::folder::{FAT_END, Spelling, Tried};
use super::{Case, NAME_ONE, Verdict, fine, needed, problem, skipped, unchecked, warning};
use sealift_bundle::value::plural::quoted;
use sealift_bundle::value::printable::Printable;
use sealift_bundle::value::size::ByteSize;

impl Case<'_> {
    /// The directory, as a shell takes it.
    fn folder(&self) -> String {
        quoted(&self.place.path)
    }

    pub(super) fn elsewhere(&self) -> String {
        let kind = self.place.file_system.map(|kind| format!(", not {kind}")).unwrap_or_default();
        format!("name a folder on a local file system that can do it: ext4, xfs, btrfs{kind}")
    }

    fn look(&self) -> String {
        format!("look at the file system: `findmnt -T {}`", self.folder())
    }

    pub(super) fn read_only(&self) -> Verdict {
        if !self.place.read_only {
            return fine("the file system takes writes");
        }
        let folder = self.folder();
        problem(
            "the file system is mounted read-only",
            format!(
                "`mount -o remount,rw \"$(findmnt -no TARGET -T {folder})\"`, or name a folder elsewhere"
            ),
        )
    }

    pub(super) fn space(&self) -> Verdict {
        let room = &self.place.room;
        let free = ByteSize(room.bytes);
        let Some(needs) = self.needs else {
            return unchecked(format!("{free} are free; how much is needed depends on the bundle"), NAME_ONE);
        };
        let needed = room.needed(needs.bytes, needs.inodes);
        let found = format!("{} are needed, {free} are free", ByteSize(needed));
        match needed.checked_sub(room.bytes) {
            None | Some(0) => fine(found),
            Some(missing) => {
                let missing = ByteSize(missing);
                let folder = self.folder();
                problem(
                    found,
                    if self.circumstances.is_site {
                        format!(
                            "free {missing}: `sealift prune {folder} --keep 1` removes old releases; \
                             `du -xh {folder} | sort -h | tail` shows what else is large"
                        )
                    } else {
                        format!(
                            "free {missing} there (`du -xh {folder} | sort -h | tail`), or name a folder on another disk"
                        )
                    },
                )
            }
        }
    }

    pub(super) fn inodes(&self) -> Verdict {
        match (self.place.room.inodes, self.needs) {
            (None, _) => fine("their number is not fixed"),
            (Some(free), None) => {
                unchecked(format!("{free} are free; how many are needed depends on the bundle"), NAME_ONE)
            }
            (Some(free), Some(needs)) => {
                let found = format!("{} are needed, {free} are free", needs.inodes);
                if needs.inodes <= free {
                    return fine(found);
                }
                problem(
                    found,
                    format!(
                        "remove small files there (`du -x --inodes {} | sort -n | tail`), or name a folder on \
                         another disk",
                        self.folder()
                    ),
                )
            }
        }
    }

    pub(super) fn others(&self) -> Verdict {
        match &self.place.own {
            Tried::Failed(why) if why.starts_with("the folder can be written by everybody") => {
                let folder = self.folder();
                problem(why, format!("`chmod o-w {folder}`, or choose a folder that only you can write to"))
            }
            Tried::Failed(why) => {
                problem(why, "take the permission away, or choose a folder that only you can write to")
            }
            Tried::Did(()) => fine("no other user can rename what is there"),
            Tried::Skipped(why) => skipped(why),
        }
    }

    pub(super) fn create(&self) -> Verdict {
        let folder = self.folder();
        let fix = format!(
            "look at its space and at who may write there: `df -h {folder}`, `ls -ld {folder}`; then run it as the owner"
        );
        needed(&self.place.create, "making and writing files", fix)
    }

    pub(super) fn rename(&self) -> Verdict {
        match &self.place.rename {
            Tried::Did(true) => fine("renames that replace nothing work"),
            Tried::Did(false) => warning(
                "renames that replace nothing are not known here; sealift looks first and renames then",
                "let no other user write to that directory meanwhile",
            ),
            Tried::Failed(error) => problem(format!("renaming does not work: {error}"), self.elsewhere()),
            Tried::Skipped(why) => skipped(why),
        }
    }

    pub(super) fn hard_links(&self) -> Verdict {
        match &self.place.hard_links {
            Tried::Did(()) => fine("hard links work"),
            Tried::Failed(error) => warning(
                format!("hard links do not work, so nothing can be shared between two folders: {error}"),
                "nothing to do for `unpack`; to save space, choose ext4, xfs or btrfs",
            ),
            Tried::Skipped(why) => skipped(why),
        }
    }

    pub(super) fn modes(&self) -> Verdict {
        match &self.place.modes {
            Tried::Did(true) => fine("modes are kept as they are set"),
            Tried::Did(false) => problem("modes are not kept as they are set", self.elsewhere()),
            Tried::Failed(error) => problem(format!("modes cannot be set: {error}"), self.elsewhere()),
            Tried::Skipped(why) => skipped(why),
        }
    }

    pub(super) fn remove(&self) -> Verdict {
        let fix = format!(
            "`lsattr -d {0}`, and remove what was left: `rm -r {0}/.sealift-doctor-*`",
            self.folder()
        );
        needed(&self.place.remove, "removing what was made", fix)
    }

    pub(super) fn programs(&self) -> Verdict {
        let found = "the file system is mounted noexec: no program can be started from there";
        match (self.place.no_programs, self.needs) {
            (false, _) => fine("programs can be started from there"),
            (true, None) => {
                unchecked(format!("{found}; whether the bundle has one depends on the bundle"), NAME_ONE)
            }
            (true, Some(Needs { program: None, .. })) => fine("noexec, and the bundle has no program"),
            (true, Some(Needs { program: Some(program), .. })) => warning(
                format!("{found}, and `{}` is one", Printable(program)),
                format!(
                    "`mount -o remount,exec \"$(findmnt -no TARGET -T {})\"`, if it is to run there",
                    self.folder()
                ),
            ),
        }
    }

    pub(super) fn letter_case(&self) -> Verdict {
        match &self.place.letter_case {
            Tried::Did(true) => fine("`A` and `a` are two names"),
            // A bundle holds no two names that case or spelling alone tells apart.
            Tried::Did(false) => warning(
                "`A` and `a` are one name here; everything in a bundle fits all the same",
                "nothing to do for `unpack`; programs that need both names want ext4, xfs or btrfs",
            ),
            Tried::Failed(error) => unchecked(error, self.look()),
            Tried::Skipped(why) => skipped(why),
        }
    }

    pub(super) fn unicode(&self) -> Verdict {
        match (&self.place.spelling, self.needs) {
            (Tried::Did(Spelling::Kept), _) => fine("names beyond ASCII are kept"),
            (Tried::Did(Spelling::Folded), _) => warning(
                "two spellings of `é` are one name here; everything in a bundle fits all the same",
                "nothing to do for `unpack`; programs that compare names byte by byte want ext4 or xfs",
            ),
            (Tried::Did(Spelling::Refused), Some(Needs { foreign_name: Some(name), .. })) => problem(
                format!("names beyond ASCII are refused, like `{}`", Printable(name)),
                self.elsewhere(),
            ),
            (Tried::Did(Spelling::Refused), Some(_)) => fine("only ASCII, and the bundle has nothing else"),
            (Tried::Did(Spelling::Refused), None) => unchecked("names beyond ASCII are refused", NAME_ONE),
            (Tried::Failed(error), _) => unchecked(error, self.look()),
            (Tried::Skipped(why), _) => skipped(why),
        }
    }

    pub(super) fn large_files(&self) -> Verdict {
        match (&self.place.large_files, self.needs) {
            (Tried::Did(()), _) => fine("files of 4 GiB and more work"),
            (Tried::Failed(error), Some(needs)) if needs.largest >= FAT_END => problem(
                format!(
                    "files of 4 GiB and more do not work, and the largest has {}: {error}",
                    ByteSize(needs.largest)
                ),
                self.elsewhere(),
            ),
            (Tried::Failed(error), Some(_)) => fine(format!("{error}; the bundle has none")),
            (Tried::Failed(error), None) => {
                unchecked(format!("files of 4 GiB and more do not work: {error}"), NAME_ONE)
            }
            (Tried::Skipped(why), Some(needs)) if needs.largest < FAT_END => {
                fine(format!("{why}, and the bundle has none"))
            }
            (Tried::Skipped(why), _) => skipped(why),
        }
    }

    pub(super) fn long_names(&self) -> Verdict {
        let most = self.place.name_max;
        let Some(needs) = self.needs else {
            // The longest that a bundle may have.
            return if most >= 255 {
                fine(format!("names of {most} bytes"))
            } else {
                unchecked(format!("names have at most {most} bytes"), NAME_ONE)
            };
        };
        let longest = needs.longest_name.len();
        if longest as u64 <= most {
            return fine(format!("the longest name has {longest} bytes, {most} are possible"));
        }
        problem(
            format!("`{}` has {longest} bytes, {most} are possible", Printable(&needs.longest_name)),
            self.elsewhere(),
        )
    }

    pub(super) fn characters(&self) -> Verdict {
        match &self.place.refused {
            Tried::Did(refused) if refused.is_empty() => fine("no character is refused"),
            // A bundle is refused when it is packed with such a name.
            Tried::Did(refused) => {
                let refused: Vec<_> = refused.iter().map(|name| format!("`{name}`")).collect();
                fine(format!("{} cannot be; no bundle holds such names", refused.join(" and ")))
            }
            Tried::Failed(error) => unchecked(error, self.look()),
            Tried::Skipped(why) => skipped(why),
        }
    }

    pub(super) fn kernel(&self) -> Verdict {
        fine(if self.place.openat2 {
            "it has `openat2`"
        } else {
            "no `openat2`: folders are opened one by one instead, as safely"
        })
    }
}
