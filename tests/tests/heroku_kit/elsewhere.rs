//! The commands of Heroku's CLI that are not tried, and why. It must not know what the others do.

use super::program;

/// Commands, of which `pg:*` stands for all of a topic, and why nobody tries them here.
pub(crate) const ELSEWHERE: &[(&[&str], &str)] = &[
    (
        &["pg:*", "redis:*", "data:*"],
        "ask hosts of Heroku's databases; here databases are add-ons: `slugline addons:services`",
    ),
    (
        &["pipelines:*", "reviewapps:*", "ci:*"],
        "there are no pipelines here",
    ),
    (
        &[
            "teams:*",
            "orgs:*",
            "members:*",
            "spaces:*",
            "apps:join",
            "apps:lock",
            "apps:unlock",
        ],
        "there are no teams and no spaces: apps belong to people, and run on one machine",
    ),
    (
        &["access:update", "apps:transfer"],
        "roles are given by `slugline access:add`; an app keeps its owner",
    ),
    (
        &["container:*"],
        "what runs is built from code, and no image",
    ),
    (
        &["certs:*", "domains:update"],
        "certificates are the router's: `slugline certs:add`",
    ),
    (
        &[
            "accounts:*",
            "autocomplete:*",
            "local:*",
            "mcp:start",
            "repl",
            "version:info",
            "git:credentials",
        ],
        "work on your own machine, without a server",
    ),
    (
        &[
            "apps:open",
            "addons:open",
            "addons:docs",
            "ci:open",
            "dashboard",
        ],
        "open a browser",
    ),
    (
        &[
            "status",
            "apps:errors",
            "apps:favorites:*",
            "notifications",
            "usage:addons",
            "buildpacks:info",
            "buildpacks:search",
            "buildpacks:versions",
            "telemetry:*",
        ],
        "ask hosts of Heroku's, or for figures that only they have; what is billed: `slugline billing`",
    ),
    (
        &[
            "ps:autoscale:*",
            "ps:copy",
            "ps:exec",
            "ps:forward",
            "ps:socks",
            "run:inside",
        ],
        "need a part of Heroku's in each process; a command beside them: `heroku run`",
    ),
    (
        &["console", "rake"],
        "are `heroku run console` and `heroku run rake`",
    ),
    (
        &["buildpacks:add", "buildpacks:remove"],
        "refused as `buildpacks:set` is: each build finds its buildpack by itself",
    ),
    (
        &["keys:add", "keys:clear", "keys:remove"],
        "no key is needed: git is spoken over HTTP, with the token as the password",
    ),
    (
        &["labs:enable", "labs:disable", "labs:info"],
        "there is nothing to try out; `heroku features` has what there is",
    ),
    (
        &[
            "clients:*",
            "authorizations:rotate",
            "authorizations:update",
            "sessions:destroy",
            "auth:2fa:*",
        ],
        "a token is made and revoked, and not changed: `slugline tokens`",
    ),
    (
        &["addons:detach", "addons:rename"],
        "an add-on is attached to its app once, by the name of its service",
    ),
    (
        &["apps:diff"],
        "compares files of Heroku's; `slugline releases:diff` compares releases",
    ),
];

/// All commands of the CLI, each with its other names, as its own list has them.
pub(crate) fn commands() -> Vec<Vec<String>> {
    let (program, _) = program();
    let package = program.with_file_name("../heroku/oclif.manifest.json");
    let list = std::fs::read_to_string(package).expect("the CLI has a list of its commands");
    let list: serde_json::Value = serde_json::from_str(&list).expect("it is JSON");
    let one = |(name, command): (&String, &serde_json::Value)| {
        let others = ["aliases", "hiddenAliases"].map(|key| command[key].as_array());
        let others = others.into_iter().flatten().flatten();
        let others = others.filter_map(|name| Some(name.as_str()?.to_owned()));
        std::iter::once(name.clone()).chain(others).collect()
    };
    let all = list["commands"].as_object().into_iter().flatten();
    all.map(one).collect()
}
