//! `slugline plugins:new`

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use slugline_core::addon::ServiceName;
use slugline_plugin_host::DEFINITIONS;
use slugline_plugin_host::partner::draft;

use crate::commands::Outcome;
use crate::context::Context;
use crate::error::CommandError;
use crate::exit::Status;

/// The crate that plugins in Rust use. A copy goes into their folder, so that they build against the
/// API that this Slugline speaks, with no other source than the crates that it needs itself.
static API: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../plugin-api/src");
/// The name of an add-on manifest among Heroku's partners.
const ADDON_MANIFEST: &str = "addon-manifest.json";
const HEADER: &str = include_str!("../../../../plugin-api/include/slugline.h");

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!("../../../templates/plugin/", $file))
    };
}

#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("language").required(true))]
pub struct Args {
    /// The plugin's name, and its folder's
    #[arg(value_name = "NAME")]
    name: String,
    /// A script
    #[arg(long, group = "language")]
    lua: bool,
    /// A dynamic library in Rust
    #[arg(long, group = "language")]
    rust: bool,
    /// A dynamic library in C
    #[arg(long, group = "language")]
    c: bool,
    /// An add-on that Heroku offers already, by its manifest
    #[arg(long, group = "language", value_name = "ADDON-MANIFEST")]
    partner: Option<PathBuf>,
}

/// A file of the skeleton: its path in the folder, and its text.
type File = (PathBuf, String);

pub fn run(context: &Context, args: &Args) -> Outcome {
    let name = &args.name;
    if ServiceName::new(name).is_err() || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(CommandError::usage(format!(
            "{name} is no name for a plugin: 1 to 40 lower-case letters, digits, - and _, a letter \
             first."
        )));
    }
    if let Some(manifest) = &args.partner {
        return partner(context, name, manifest);
    }
    let mut files = if args.lua {
        lua()
    } else if args.rust {
        rust()
    } else {
        c()
    };
    for (_, text) in &mut files {
        *text = filled(text, name);
    }
    if args.rust {
        files.extend(api());
    }
    write(Path::new(name), &files)?;
    context.ui.data(format_args!(
        "Created {name} with a plugin in {}.",
        language(args)
    ));
    let make = if args.lua { "" } else { "make && " };
    context.ui.status(format_args!(
        "Next: cd {name} && {make}slugline plugins:test ."
    ));
    Ok(Status::Done)
}

/// The vendor's manifest, with a `plugin.yaml` made from it.
fn partner(context: &Context, name: &str, manifest: &Path) -> Outcome {
    let shown = manifest.display();
    let text = std::fs::read_to_string(manifest)
        .map_err(|error| CommandError::failed(format!("cannot read {shown}: {error}")))?;
    let yaml = draft(name, ADDON_MANIFEST, &text)
        .map_err(|error| CommandError::failed(format!("{shown}:{error}")))?;
    let readme = filled(template!("partner/README.md"), name);
    let folder = Path::new(name);
    let files = [
        ("plugin.yaml", yaml),
        (ADDON_MANIFEST, text),
        ("README.md", readme),
    ];
    let files = files.map(|(path, text)| (PathBuf::from(path), text));
    write(folder, &files)?;
    // There is a password in it.
    let secret = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(folder.join(ADDON_MANIFEST), secret)
        .map_err(|error| CommandError::failed(format!("cannot protect {name}: {error}")))?;
    context
        .ui
        .data(format_args!("Created {name} from {shown}."));
    context.ui.status(format_args!(
        "Next: name your plans and their prices in {name}/plugin.yaml, then slugline plugins:test {name}"
    ));
    Ok(Status::Done)
}

fn language(args: &Args) -> &'static str {
    match (args.lua, args.rust) {
        (true, _) => "Lua",
        (_, true) => "Rust",
        _ => "C",
    }
}

fn files<const N: usize>(files: [(&str, &str); N]) -> Vec<File> {
    let file = |(path, text): (&str, &str)| (PathBuf::from(path), text.to_owned());
    files.map(file).into()
}

fn lua() -> Vec<File> {
    files([
        ("plugin.yaml", template!("lua/plugin.yaml")),
        ("init.lua", template!("lua/init.lua")),
        ("init_test.lua", template!("init_test.lua")),
        ("test.yaml", template!("test.yaml")),
        ("slugline.d.luau", DEFINITIONS),
        ("README.md", template!("lua/README.md")),
    ])
}

fn rust() -> Vec<File> {
    files([
        ("plugin.yaml", template!("rust/plugin.yaml")),
        ("Cargo.toml", template!("rust/Cargo.toml.txt")),
        ("src/lib.rs", template!("rust/lib.rs.txt")),
        (
            "slugline-plugin-api/Cargo.toml",
            template!("rust/api-Cargo.toml.txt"),
        ),
        ("Makefile", template!("rust/Makefile.txt")),
        ("init_test.lua", template!("init_test.lua")),
        ("test.yaml", template!("test.yaml")),
        ("README.md", template!("rust/README.md")),
    ])
}

fn c() -> Vec<File> {
    files([
        ("plugin.yaml", template!("c/plugin.yaml")),
        ("plugin.c", template!("c/plugin.c")),
        ("slugline.h", HEADER),
        ("Makefile", template!("c/Makefile.txt")),
        ("init_test.lua", template!("c/init_test.lua")),
        ("README.md", template!("c/README.md")),
    ])
}

/// The sources of the API's crate.
fn api() -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![&API];
    while let Some(folder) = folders.pop() {
        folders.extend(folder.dirs());
        found.extend(folder.files().filter_map(|file| {
            let path = Path::new("slugline-plugin-api/src").join(file.path());
            Some((path, file.contents_utf8()?.to_owned()))
        }));
    }
    found
}

/// The text with the plugin's name in all its forms.
fn filled(text: &str, name: &str) -> String {
    let symbol = name.replace('-', "_");
    let ending = if cfg!(target_os = "macos") {
        "dylib"
    } else {
        "so"
    };
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|c| c.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    let camel: String = symbol.split('_').map(capital).collect();
    text.replace("{{name}}", name)
        .replace("{{NAME}}", &symbol.to_ascii_uppercase())
        .replace("{{Type}}", &camel)
        .replace("{{library}}", &format!("lib{symbol}.{ending}"))
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
}

/// Writes all of it into a folder that is not there yet.
fn write(folder: &Path, files: &[File]) -> Result<(), CommandError> {
    let failed = |path: &Path, error: &io::Error| {
        CommandError::failed(format!("cannot write {}: {error}", path.display()))
    };
    match std::fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let text = format!("There is a {} here already.", folder.display());
            return Err(CommandError::failed(text));
        }
        other => other.map_err(|error| failed(folder, &error))?,
    }
    for (path, text) in files {
        let path = folder.join(path);
        let above = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(above)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| failed(&path, &error))?;
    }
    Ok(())
}
