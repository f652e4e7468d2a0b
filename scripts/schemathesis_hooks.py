"""What schemathesis is told beside the document: tokens, so many that none has asked too often; names of things
that are there, half of the time; and what must not be asked, since all later cases would only find nothing."""

import atexit
import collections
import os
import random

import schemathesis

TOKENS = os.environ["TOKENS"].split()
NAMES = {
    "app": ["shop", "spare", "shop", "nosuch"],
    "release": ["v1", "2", "v3", "current", "99"],
    "type": ["web", "worker"],
    "dyno": ["web.1", "web", "run.1"],
    "addon": ["releases", "memcache"],
    "service": ["releases", "memcache"],
    "plan": ["releases:advanced", "memcache:5mb", "basic"],
    "feature": ["preboot"],
    "domain": ["www.example.com", "shop.localhost"],
    "user": ["~", "jim@example.com", "eve@example.com"],
    "attachment": ["releases"],
}
dice = random.Random(7)
seen = collections.Counter()
statuses = collections.Counter()


@schemathesis.hook
def before_call(context, case, kwargs):
    for name in case.path_parameters or {}:
        if name in NAMES and dice.random() < 0.6:
            case.path_parameters[name] = dice.choice(NAMES[name])
    # Without an app there is nothing to ask for.
    if case.operation.label == "DELETE /apps/{app}" and case.path_parameters.get("app") in ("shop", "spare"):
        case.path_parameters["app"] = "nosuch"
    if case.operation.label == "PATCH /apps/{app}" and isinstance(case.body, dict):
        case.body.pop("name", None)
    # Who tries twenty that are none is answered nothing else for a while.
    case.headers = case.headers or {}
    case.headers["Authorization"] = f"Bearer {dice.choice(TOKENS)}"


@schemathesis.hook
def after_call(context, case, response):
    seen[case.operation.label] += 1
    statuses[response.status_code] += 1


@atexit.register
def table():
    print(f"{sum(seen.values())} requests of {len(seen)} operations, at least {min(seen.values(), default=0)} of each")
    print("answered:", ", ".join(f"{count} with {status}" for status, count in sorted(statuses.items())))
