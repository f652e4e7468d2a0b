"""What a script does that was written for Heroku with heroku3: argv is the API's address, a token, and the file of its
certificate."""
import sys

import heroku3
import heroku3.api
import heroku3.rendezvous
from requests.exceptions import HTTPError

url, token, certificate = sys.argv[1:]
heroku3.api.HEROKU_URL = url


class Rendezvous(heroku3.rendezvous.Rendezvous):
    """It trusts only what it came with."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.cert = certificate


heroku3.models.app.Rendezvous = Rendezvous


def say(what, *values):
    print(f"{what}:", *values)


def refused(what, deed):
    try:
        deed()
        say(what, "done")
    except HTTPError as error:
        say(what, error.response.status_code, error.response.json()["id"])


heroku = heroku3.from_key(token)
say("authenticated", heroku.is_authenticated)
say("account", heroku.account().email)
say("apps", [app.name for app in heroku.apps()])
app = heroku.create_app(name="store")
say("created", app.name, app.stack.name, app.region.name, app.owner.email)
say("app", heroku.app(app.id).name, heroku.apps()["store"].name)
refused("rename", lambda: app.rename("other"))
app.delete()
refused("deleted", lambda: heroku.app("store"))
app = heroku.app("shop")

config = app.config()
config["GREETING"] = "hello"
config.update({"COLOUR": "red", "SIZE": "1"})
say("config", sorted(app.config().to_dict().items()))
del config["SIZE"]
app.update_config({"COLOUR": None})
say("config", sorted(app.config().to_dict().items()))

releases = app.releases()
say("releases", [(one.version, one.description, one.user.email) for one in releases])
last = app.releases(order_by="version", limit=2, sort="desc")
say("the last two", [one.version for one in last])
say("rollback", app.rollback(releases[0].id).description)
say("by number", app.rollback(3).description)
refused("to none", lambda: app.rollback("v99"))

addon = app.install_addon("deployhooks:http", config={"url": "http://127.0.0.1:9/"})
say("addon", addon.plan.name)
say("addons", sorted(one.plan.name for one in app.addons()))
say("services", sorted(one.name for one in heroku.addon_services())[:3])
refused("not confirmed", lambda: app.remove_addon(addon.id))
refused("another plan", lambda: app.install_addon("nothing:here"))

say("formation", [(one.type, one.quantity, one.size) for one in app.process_formation()])
formation = app.process_formation()["web"]
say("scaled", formation.scale(2).quantity, app.scale_formation_process("worker", 0).quantity)
say("in one", [one.quantity for one in app.batch_scale_formation_processes({"web": 1, "worker": 1})])
refused("resized", lambda: formation.resize("Performance-L"))
say("dynos", sorted(one.name for one in app.dynos()))
say("restarted", app.dynos()["web.1"].restart() if "web.1" in app.dynos() else app.kill_dyno("web.1"))

say("domain", app.add_domain("www.example.com", None).hostname)
say("domains", sorted(one.hostname for one in app.domains()))
say("its kind", app.get_domain("www.example.com").kind, app.sni_endpoints())
say("removed", app.remove_domain("www.example.com"))

app.add_collaborator("ann@example.com", silent=True)
say("collaborators", sorted(one.user.email for one in app.collaborators()))
say("removed", app.remove_collaborator("ann@example.com"))

say("maintenance", app.enable_maintenance_mode().maintenance, app.disable_maintenance_mode().maintenance)
say("feature", app.disable_feature("preboot").enabled, app.enable_feature("preboot").enabled)
say("features", [one.name for one in app.features()])
say("drain", app.create_logdrain("syslog://127.0.0.1:9").url)
say("drains", [app.remove_logdrain(one.id).url for one in app.logdrains()])
say("buildpacks", [one.buildpack.url for one in app.buildpacks()])
say("keys", list(heroku.keys()))

output, dyno = app.run_command("echo hello", printout=False)
say("run", output.split(), dyno.type)
say("detached", app.run_command_detached("sleep 1000", env={"A": "1"}).name)
say("log", "echo hello" in app.get_log(dyno="run.1"))
lines = app.stream_log(dyno="run.1", lines=10)
say("tail", next(line for line in lines if b"Starting process" in line).decode().split(" ", 1)[1])
say("authorizations", len(heroku.oauthauthorizations()) > 0)
say("remaining", heroku.ratelimit_remaining() > 0)
