-- A PostgreSQL server of its own for each app, on this machine and reachable from it alone. Its
-- data is in the resource's folder, and so outlives restarts, rollbacks and changes of plan. The
-- app gets a role and a database, both called app; nobody can connect as the superuser.
--
-- Not a role on a server that runs elsewhere: no hook can speak SQL, and so nothing could drop it again.

local addon = slugline.addon("postgresql")

local plans = {
  free = { connections = 20, buffers = "32MB" },
  standard = { connections = 100, buffers = "128MB" },
  premium = { connections = 400, buffers = "512MB" },
}

local start = [==[
# Runs the PostgreSQL server of one app, and makes its data first where there is none.
# Written by Slugline's add-on postgresql: what is changed here is lost with the next plan.
set -euo pipefail
umask 077
folder=$1 port=$2 connections=$3 buffers=$4

# Debian and Red Hat keep the server off the PATH, in a folder for each version. Data can be read by
# the version that wrote it, and by no other.
programs() {
  local bin
  if [ -z "$1" ] && command -v initdb >/dev/null && command -v postgres >/dev/null; then
    dirname "$(command -v postgres)"
    return
  fi
  for bin in $(ls -d /usr/lib/postgresql/${1:-*}/bin /usr/pgsql-${1:-*}/bin 2>/dev/null | sort -rV); do
    if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then
      echo "$bin"
      return
    fi
  done
  if command -v initdb >/dev/null && command -v postgres >/dev/null; then
    dirname "$(command -v postgres)"
  fi
}

version=$(cat "$folder/data/PG_VERSION" 2>/dev/null || true)
bin=$(programs "$version")
if [ -z "$bin" ]; then
  echo "PostgreSQL${version:+ $version} is not installed; on Debian: apt-get install postgresql${version:+-$version}"
  exit 1
fi

# The server ends with this script, however that ends. It refuses to be root, and becomes somebody
# who owns its data and nothing else; but that user cannot pass through the folders above, so that
# it is handed the folder as an open descriptor.
become=(env)
if command -v setpriv >/dev/null; then become=(setpriv --pdeathsig QUIT); fi
user=
if [ "$(id -u)" -eq 0 ]; then
  user=postgres
  id -u "$user" >/dev/null 2>&1 || user=nobody
  become+=(--reuid "$user" --regid "$(id -g "$user")" --clear-groups --no-new-privs)
fi
enter() {
  place=$1
  if [ -n "$user" ]; then
    exec 9<"$1"
    place=/proc/self/fd/9
  fi
}

if [ ! -e "$folder/data" ]; then
  rm -rf "$folder/new"
  mkdir "$folder/new"
  if [ -n "$user" ]; then chown "$user" "$folder/new"; fi
  enter "$folder/new"
  "${become[@]}" "$bin/initdb" -D "$place" --username=postgres --auth=reject \
    --encoding=UTF8 --no-locale >/dev/null
  password=$(<"$folder/password")
  "${become[@]}" "$bin/postgres" --single -D "$place" -c exit_on_error=on \
    -c log_min_error_statement=panic -c password_encryption=scram-sha-256 \
    -c unix_socket_directories= postgres >/dev/null <<SQL
CREATE ROLE app LOGIN PASSWORD '$password';
CREATE DATABASE app OWNER app;
SQL
  echo "host app app 127.0.0.1/32 scram-sha-256" >"$folder/new/pg_hba.conf"
  mv "$folder/new" "$folder/data"
fi

# SIGTERM would have it wait for its clients to leave; SIGINT has it close their connections.
server= ending=
stop() {
  ending=1
  if [ -n "$server" ]; then kill -INT "$server" 2>/dev/null || true; fi
}
trap stop TERM
enter "$folder/data"
"${become[@]}" "$bin/postgres" -D "$place" -c listen_addresses=127.0.0.1 -c "port=$port" \
  -c unix_socket_directories= -c superuser_reserved_connections=3 \
  -c "max_connections=$((connections + 3))" -c "shared_buffers=$buffers" \
  -c "log_line_prefix=[%p] " &
server=$!
if [ -n "$ending" ]; then stop; fi
status=0
wait "$server" || status=$?
while kill -0 "$server" 2>/dev/null; do
  status=0
  wait "$server" || status=$?
done
exit "$status"
]==]

local function describe(request, message)
  local port = slugline.port(request.id)
  local folder = slugline.folder(request.id)
  local password = folder.read("password")
  if not password then
    password = slugline.secret(40)
    folder.write("password", password)
  end
  folder.write("start", start)
  local plan = plans[request.plan]
  return {
    config = { DATABASE_URL = `postgres://app:{password}@127.0.0.1:{port}/app` },
    process = {
      "bash", `{folder.path}/start`, folder.path,
      tostring(port), tostring(plan.connections), plan.buffers,
    },
    message = message,
  }
end

function addon.provision(request)
  local connections = plans[request.plan].connections
  return describe(request, `Your database is empty and ready, for {connections} connections.`)
end

function addon.change_plan(request)
  local connections = plans[request.plan].connections
  return describe(request, `Your database restarts with its data, for {connections} connections.`)
end
