//! An add-on service outside of the home: what it was asked to make and has not been asked to
//! destroy since is there, whatever the ledger says. It must not know the ledger.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use slugline_testkit::environment::TestEnvironment;

/// The plan of each resource, by id.
pub(crate) type Kept = BTreeMap<String, String>;

/// The service, and what it keeps.
pub(crate) struct Provider {
    port: u16,
    kept: Arc<Mutex<Kept>>,
}

const MANIFEST: &str = "\
name: vault
version: 1.0.0
api: 1
summary: Keeps what the test looks at.
entry: init.lua
permissions:
  http: [127.0.0.1]
addons:
  vault:
    default: small
    config: [VAULT_ID]
    plans:
      small: { price: free, summary: Small }
      large: { price: $5/mo, summary: Large }
";

const SCRIPT: &str = r#"
local addon = slugline.addon("vault")

local function tell(verb, id, plan)
  local answer = slugline.http.request({
    method = "POST", url = "http://127.0.0.1:PORT/", headers = {},
    body = `{verb} {id} {plan or "-"}`,
  })
  assert(answer.status == 200)
end

function addon.provision(request)
  tell("make", request.id, request.plan)
  return { config = { VAULT_ID = request.id } }
end

function addon.change_plan(request)
  tell("make", request.id, request.plan)
  return { config = { VAULT_ID = request.id } }
end

function addon.deprovision(request)
  tell("destroy", request.id)
end
"#;

impl Provider {
    /// Begins to serve, with nothing.
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("a port").port();
        let kept = Arc::new(Mutex::new(Kept::new()));
        let shared = Arc::clone(&kept);
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                // Whoever asked may be dead by now.
                let _ = serve(connection, &shared);
            }
        });
        Self { port, kept }
    }

    /// What is there.
    pub(crate) fn kept(&self) -> Kept {
        self.kept.lock().unwrap().clone()
    }

    /// Puts back what was there.
    pub(crate) fn put_back(&self, kept: &Kept) {
        self.kept.lock().unwrap().clone_from(kept);
    }

    /// Installs its plugin `vault` into a home, and approves it.
    pub(crate) fn install(&self, env: &TestEnvironment) {
        let folder = env.home().join("plugins/vault");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("plugin.yaml"), MANIFEST).unwrap();
        let script = SCRIPT.replace("PORT", &self.port.to_string());
        std::fs::write(folder.join("init.lua"), script).unwrap();
        let _ = env.run(["plugins:update", "vault", "--yes"]).success();
    }
}

fn serve(mut connection: TcpStream, kept: &Mutex<Kept>) -> std::io::Result<()> {
    let body = slugline_tests::read_body(&connection)?;
    match body.split(' ').collect::<Vec<_>>()[..] {
        ["make", id, plan] => drop(kept.lock().unwrap().insert(id.into(), plan.into())),
        ["destroy", id, _] => drop(kept.lock().unwrap().remove(id)),
        _ => {}
    }
    connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}
