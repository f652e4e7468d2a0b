//! What the tests of add-ons with a folder share: a home, and resources in it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use slugline_core::port::{ChangePlanRequest, ProviderError, Providers, ProvisionRequest};
use slugline_core::resource::{Options, Provision, Resource, ResourceId};
use slugline_plugin_host::{PluginHost, Settings};

use crate::common::{app, plan, settings};

/// A home, with a PATH on which a program of this name can be found.
pub(crate) struct Home {
    folder: tempfile::TempDir,
    pub(crate) host: PluginHost,
}

impl Home {
    pub(crate) fn with(program: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        fs::write(bin.join(program), "#!/bin/sh\n").unwrap();
        fs::set_permissions(bin.join(program), PermissionsExt::from_mode(0o755)).unwrap();
        let settings = Settings {
            path: bin.display().to_string(),
            ..settings()
        };
        let host = PluginHost::load(Some(folder.path()), settings).unwrap();
        Self { folder, host }
    }

    fn program(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    pub(crate) fn folder_of(&self, id: &ResourceId) -> PathBuf {
        self.folder.path().join("resources").join(id.as_str())
    }

    pub(crate) fn provision(
        &self,
        name: &str,
        id: &ResourceId,
        taken_ports: &[u16],
    ) -> Result<Provision, ProviderError> {
        self.host.provision(&ProvisionRequest {
            app: &app(),
            id,
            plan: &plan(name),
            options: &Options::default(),
            taken_ports,
        })
    }

    pub(crate) fn change_plan(&self, resource: &Resource, name: &str) -> Provision {
        let wanted = ChangePlanRequest {
            app: &app(),
            resource,
            plan: &plan(name),
            taken_ports: &[],
        };
        self.host.change_plan(&wanted).unwrap()
    }
}

/// The resource that an answer has made.
pub(crate) fn resource(id: &ResourceId, name: &str, made: &Provision) -> Resource {
    Resource {
        id: id.clone(),
        plan: plan(name),
        options: Options::default(),
        config: made.config.clone(),
        process: made.process.clone(),
        port: made.port,
    }
}

/// The one config var of an answer.
pub(crate) fn url(made: &Provision) -> String {
    let values: Vec<_> = made.config.values().collect();
    assert_eq!(values.len(), 1);
    values[0].reveal().to_owned()
}

/// The password in a URL.
pub(crate) fn password(url: &str) -> &str {
    let (login, _) = url.split_once('@').unwrap();
    login.rsplit_once(':').unwrap().1
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// What holds for every add-on whose server keeps its data: asked twice, it answers the same;
/// another plan changes nothing but the command; another resource has nothing in common; no
/// password is among the arguments; nothing is left of a resource that is gone, or that could not
/// be made.
pub(crate) fn keeps_its_promises(program: &str, plan: &str, larger: &str, files: &[&str]) {
    let home = Home::with(program);
    let id = ResourceId::new(&"a".repeat(32)).unwrap();
    let first = home.provision(plan, &id, &[]).unwrap();
    let again = home.provision(plan, &id, &[]).unwrap();
    assert_eq!(first.process, again.process);
    assert_eq!((first.port, url(&first)), (again.port, url(&again)));
    let folder = home.folder_of(&id);
    assert_eq!(mode(&folder), 0o700);
    for file in files {
        assert_eq!(mode(&folder.join(file)), 0o600, "{file}");
    }
    let secret = password(&url(&first)).to_owned();
    assert_eq!(secret.len(), 40);
    let command = first.process.clone().unwrap();
    assert!(command.iter().all(|word| !word.contains(&secret)));

    let known = resource(&id, plan, &first);
    let moved = home.change_plan(&known, larger);
    assert_eq!((moved.port, url(&moved)), (first.port, url(&first)));
    assert_ne!(moved.process, first.process, "so that it is restarted");
    let back = home.change_plan(&resource(&id, larger, &moved), plan);
    assert_eq!(back.process, first.process);

    let other = ResourceId::new(&"b".repeat(32)).unwrap();
    let apart = home.provision(plan, &other, &[first.port.unwrap()]);
    let apart = apart.unwrap();
    assert_ne!(apart.port, first.port);
    assert_ne!(password(&url(&apart)), secret);

    // A call that fails takes nothing away that was there before.
    fs::rename(home.program(program), home.program("elsewhere")).unwrap();
    home.provision(plan, &id, &[]).unwrap_err();
    assert!(folder.exists());

    for _ in 0..2 {
        home.host.deprovision(&app(), &known).unwrap();
        assert!(!folder.exists());
    }
    assert!(home.folder_of(&other).exists());

    let without = Home::with("something-else");
    let refused = without.provision(plan, &id, &[]).unwrap_err();
    assert!(
        refused.to_string().contains("is not installed"),
        "{refused}"
    );
    assert!(!without.folder_of(&id).exists());
}
