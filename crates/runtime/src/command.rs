//! Commands as values: program, arguments, environment and folder of each process, built without
//! starting anything. It must not know what becomes of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use slugline_core::app::AppName;
use slugline_core::settings::Formation;
use slugline_isolation::Limits;

use crate::leftovers::MARK;
use crate::spec::{AppSpec, ServerSpec};

/// Sources the app's profile scripts, then becomes the command. The command gets a shell of its
/// own, so that `a && b` and `KEY=value a` mean what they say; a shell that is given one plain
/// command becomes that command, so no shell stays in between.
const SCRIPT: &str = r#"for script in .profile.d/*.sh; do
  if [ -f "$script" ]; then . "$script"; fi
done
unset script
exec "$0" -c "$1""#;

/// What a process is started with. No `Debug`: its environment holds secrets.
pub(crate) struct Recipe {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// All of it: nothing is inherited.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) dir: PathBuf,
    /// The most files that it may hold open; `None`: as many as we may.
    pub(crate) open_files: Option<u32>,
    /// What it is shut in with; `None`: it is not.
    pub(crate) shut: Option<Shut>,
}

/// What it takes to shut a process in.
#[derive(Clone)]
pub(crate) struct Shut {
    pub(crate) app: AppName,
    pub(crate) name: String,
    pub(crate) tree: Option<PathBuf>,
    /// Our own program, which a process may run.
    pub(crate) program: Option<PathBuf>,
    pub(crate) limits: Limits,
}

/// The variable that tells a process where our own program is.
pub(crate) const PROGRAM: &str = "SLUGLINE_BIN";

/// What a process of a type may use.
pub(crate) fn limits(set: &Formation) -> Limits {
    Limits {
        memory: set.memory_mb.map(|mb| u64::from(mb) * 1024 * 1024),
        cpu_percent: set.cpu_percent,
    }
}

/// What every process gets from the machine: the shell, and the few variables that are passed on.
pub(crate) struct Machine {
    shell: PathBuf,
    env: BTreeMap<String, String>,
    /// By which what the daemon of a home has started is told, whatever else an app sets.
    mark: Option<(String, String)>,
}

impl Machine {
    /// Takes `PATH`, `LANG` and `TZ` from an environment, and looks for bash on that path.
    pub(crate) fn new(var: impl Fn(&str) -> Option<String>) -> Self {
        let or = |key, default: &str| var(key).unwrap_or_else(|| default.to_owned());
        let path = or("PATH", "/usr/local/bin:/usr/bin:/bin");
        let bash = path.split(':').map(|dir| Path::new(dir).join("bash"));
        let shell = bash
            .filter(|path| path.is_absolute())
            .find(|path| path.is_file());
        let mut env = BTreeMap::from([
            ("PATH".to_owned(), path.clone()),
            ("LANG".to_owned(), or("LANG", "C.UTF-8")),
        ]);
        env.extend(var("TZ").map(|zone| ("TZ".to_owned(), zone)));
        Self {
            shell: shell.unwrap_or_else(|| "/bin/sh".into()),
            env,
            mark: None,
        }
    }

    /// The same, for the daemon of a home.
    pub(crate) fn of_home(mut self, home: &Path) -> Self {
        self.mark = Some((MARK.to_owned(), home.display().to_string()));
        self
    }

    /// A process of an app: `label` is its name, such as `web.1`; `command` is for the shell.
    pub(crate) fn process(
        &self,
        spec: &AppSpec,
        label: &str,
        command: &str,
        port: Option<u16>,
    ) -> Recipe {
        let dir = spec.dir.clone().unwrap_or_else(|| "/".into());
        let mut env = self.env.clone();
        env.insert("HOME".into(), dir.to_string_lossy().into_owned());
        env.extend(spec.env.clone());
        env.remove("PORT");
        env.extend(port.map(|port| ("PORT".to_owned(), port.to_string())));
        env.insert("SLUGLINE_APP".into(), spec.app.to_string());
        env.insert("SLUGLINE_RELEASE_VERSION".into(), spec.version.to_string());
        env.insert("PS".into(), label.to_owned());
        env.extend(self.mark.clone());
        let shell = self.shell.to_string_lossy().into_owned();
        let set = spec.settings.of_type(kind_of(label));
        let shut = Shut {
            app: spec.app.clone(),
            name: label.to_owned(),
            tree: spec.dir.clone(),
            program: env.get(PROGRAM).map(PathBuf::from),
            limits: limits(&set),
        };
        Recipe {
            program: self.shell.clone(),
            args: vec!["-c".into(), SCRIPT.into(), shell, command.to_owned()],
            env,
            dir,
            open_files: set.open_files,
            shut: Some(shut),
        }
    }

    /// A server: it sees no config var of the app.
    pub(crate) fn server(&self, app: &AppName, server: &ServerSpec) -> Recipe {
        let mut env = self.env.clone();
        env.insert("HOME".into(), "/".into());
        env.extend(self.mark.clone());
        env.insert("SLUGLINE_APP".into(), app.to_string());
        Recipe {
            program: server
                .command
                .first()
                .map(PathBuf::from)
                .unwrap_or_default(),
            args: server.command.iter().skip(1).cloned().collect(),
            env,
            dir: "/".into(),
            open_files: None,
            shut: None,
        }
    }
}

/// The type of a process of this name.
fn kind_of(label: &str) -> &str {
    label.rsplit_once('.').map_or(label, |(kind, _)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use slugline_core::release::Version;
    use slugline_core::resource::ResourceId;

    fn machine(tz: Option<&str>) -> Machine {
        Machine::new(|key| match key {
            "PATH" => Some("/nowhere:relative".to_owned()),
            "TZ" => tz.map(str::to_owned),
            "SECRET" => panic!("it is not asked for"),
            _ => None,
        })
    }

    fn pairs(recipe: &Recipe) -> Vec<(&str, &str)> {
        recipe
            .env
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect()
    }

    #[test]
    fn a_process_gets_its_release_and_nothing_of_ours() {
        let mut spec = AppSpec::new(AppName::new("myapp").unwrap(), Version::new(12));
        spec.dir = Some("/slugs/1".into());
        for (key, value) in [
            ("LANG", "fr"),
            ("PORT", "1"),
            ("PS", "x"),
            ("GREETING", "hi"),
        ] {
            spec.env.insert(key.into(), value.into());
        }
        let web = machine(None).process(&spec, "web.1", "a && b", Some(5000));
        assert_eq!(web.program, Path::new("/bin/sh"));
        assert_eq!(web.args, ["-c", SCRIPT, "/bin/sh", "a && b"]);
        assert_eq!(web.dir, Path::new("/slugs/1"));
        let mut expected = vec![
            ("GREETING", "hi"),
            ("HOME", "/slugs/1"),
            ("LANG", "fr"),
            ("PATH", "/nowhere:relative"),
            ("PORT", "5000"),
            ("PS", "web.1"),
            ("SLUGLINE_APP", "myapp"),
            ("SLUGLINE_RELEASE_VERSION", "v12"),
        ];
        assert_eq!(pairs(&web), expected);
        let worker = machine(Some("Europe/Rome")).process(&spec, "worker.1", "a", None);
        expected[4] = ("PS", "worker.1");
        expected.remove(5);
        expected.push(("TZ", "Europe/Rome"));
        assert_eq!(pairs(&worker), expected);
    }

    #[test]
    fn a_server_sees_no_config_var() {
        let server = ServerSpec {
            resource: ResourceId::new(&"a".repeat(32)).unwrap(),
            name: "memcache".into(),
            command: vec!["memcached".into(), "-p".into(), "11211".into()],
            port: Some(11211),
        };
        let recipe = machine(None).server(&AppName::new("myapp").unwrap(), &server);
        assert_eq!(
            (recipe.program.as_path(), recipe.args.len()),
            (Path::new("memcached"), 2)
        );
        let keys: Vec<_> = recipe.env.keys().map(String::as_str).collect();
        assert_eq!(keys, ["HOME", "LANG", "PATH", "SLUGLINE_APP"]);
    }
}
