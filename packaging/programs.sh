# shellcheck shell=bash
# Starts and stops hub, agent and simulated camera in one data folder, without a service manager.
#
# Belongs here: pid files, ports, enrolment, one camera. Does not: building, or what is said to the
# person. Sourced after prepare.sh, with `data` naming the folder:
#   hub/ agent/   their directories       logs/ run/  one log and one pid file per program
#   camera/       the simulated camera    cameras     URLs that were added, a line each

programs=$CARGO_TARGET_DIR/debug
agent_program=("$programs/farwatch-agent") # the arm64 suite puts its own here
data=${data:-}

# json FIELD: one field of the JSON object on standard input.
json() { node -e 'const v = JSON.parse(require("fs").readFileSync(0))[process.argv[1]]; if (v === undefined) process.exit(1); console.log(v)' "$1"; }

# wait_for WHAT SECONDS COMMAND...
wait_for() {
    local what=$1 deadline=$((SECONDS + $2))
    shift 2
    until "$@"; do
        ((SECONDS < deadline)) || fail "$what did not come in time; see $data/logs"
        sleep 0.2
    done
}

# A pid alone may by now be somebody else's, so its start time is kept with it.
start_time() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null; }

runs() {
    local pid started
    { read -r pid started <"$data/run/$1.pid"; } 2>/dev/null || return 1
    [[ -n $started && $(start_time "$pid") == "$started" ]]
}

# launch NAME COMMAND...: in a session of its own, its output in logs/NAME.log.
launch() {
    local name=$1 pid
    shift
    runs "$name" && return 0
    mkdir -p "$data/logs" "$data/run"
    NO_COLOR=1 setsid "$@" </dev/null >>"$data/logs/$name.log" 2>&1 &
    pid=$!
    printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$data/run/$name.pid"
    disown "$pid"
}

# stop NAME: asks, waits, insists.
stop() {
    local pid
    runs "$1" || { rm -f "$data/run/$1.pid"; return 0; }
    read -r pid _ <"$data/run/$1.pid"
    end_process "$pid"
    rm -f "$data/run/$1.pid"
}

end_process() {
    kill "$1" 2>/dev/null || return 0
    for _ in {1..100}; do
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
}

# The recorder outlives its agent by design, so it is ended here, found by the directory it was given.
stop_all() {
    local line pid words
    stop agent
    for line in /proc/[0-9]*/cmdline; do
        { words=$(tr '\0' '\n' <"$line"); } 2>/dev/null || continue
        if grep -q farwatch-agent <<<"$words" && grep -qxF -- "$data/agent" <<<"$words"; then
            pid=${line#/proc/}
            end_process "${pid%/cmdline}"
        fi
    done
    stop hub
    stop camera
}

is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

door() { json "$1" <"$data/hub/doors.json" | sed 's/.*://'; }

# listen NAME PORT: the usual port, or any free one when somebody has it.
listen() {
    local port=$2
    is_free "$port" || port=0
    printf '%s_listen = "%s:%s"\n' "$1" "$address" "$port"
}

# start_hub ADDRESS MQTT AGENTS PEOPLE METRICS: makes a hub where there is none; it keeps the ports of its first start.
start_hub() {
    local address=$1 made settings=$data/hub/hub.toml name
    if [[ ! -e $data/hub/hub.db ]]; then
        made=$("$programs/farwatch-hub" --dir "$data/hub" init --name Quickstart --host localhost --host 127.0.0.1 \
            --owner-key-out "$data/owner-key.pem" --json)
        (umask 077 && json setup_url <<<"$made" >"$data/setup-url")
        {
            listen mqtt "$2" && listen agents "$3" && listen people "$4" && listen metrics "$5"
            grep -vE '^(mqtt|agents|people|metrics)_listen' "$settings" || true
        } >"$settings.new"
        mv "$settings.new" "$settings"
    fi
    if ! runs hub; then
        rm -f "$data/hub/doors.json"
        launch hub "$programs/farwatch-hub" --dir "$data/hub" run
    fi
    wait_for "the hub" 30 hub_is_up
    for name in mqtt agents people; do
        sed -i "s/^\(${name}_listen = \"[^\"]*\):0\"/\1:$(door $name)\"/" "$settings"
    done
    sed -i "s#^\(https://[^/:]*\)[:0-9]*/#\1:$(door people)/#" "$data/setup-url"
}

hub_is_up() {
    runs hub || fail "the hub ended; see $data/logs/hub.log: $(tail -n 3 "$data/logs/hub.log")"
    [[ -s $data/hub/doors.json ]]
}

# enrol_agent SITE: a token by pipe, never by argument.
enrol_agent() {
    [[ -e $data/agent/identity/hub.json ]] && return 0
    "$programs/farwatch-hub" --dir "$data/hub" token new --site "$1" --json | json url |
        "${agent_program[@]}" --dir "$data/agent" enrol - --json | json agent >"$data/agent-id"
}

start_agent() { launch agent "${agent_program[@]}" --dir "$data/agent" run; }

# start_camera PORT: the simulated camera; it keeps the port of its first start.
start_camera() {
    local port=$1 folder=$data/camera
    mkdir -p "$folder" "$data/logs" && chmod 700 "$folder"
    if [[ ! -s $folder/password ]]; then
        (umask 077 && node -p 'require("crypto").randomBytes(12).toString("hex")' >"$folder/password")
    fi
    if [[ -s $folder/ready.json ]]; then
        port=$(camera_address)
        port=${port##*:}
    else
        is_free "$port" || port=0
    fi
    if ! runs camera; then
        rm -f "$folder/ready.json"
        # Made on first use; long enough to be worth a word.
        "$programs/farwatch-test-camera" clips >>"$data/logs/camera.log" 2>&1
        # shellcheck disable=SC2016 # the inner shell expands them
        launch camera sh -c 'exec "$0" "$@" >'"'$folder/ready.json'" "$programs/farwatch-test-camera" \
            --listen "127.0.0.1:$port" --mounts 1 --user viewer --password-file "$folder/password"
    fi
    wait_for "the simulated camera" 120 test -s "$folder/ready.json"
}

camera_address() { json rtsp <"$data/camera/ready.json"; }

# add_camera NAME URL [CREDENTIAL ARGUMENTS]
add_camera() {
    local name=$1 url=$2
    shift 2
    "$programs/farwatch-hub" --dir "$data/hub" camera add --agent "$(cat "$data/agent-id")" --name "$name" --url "$url" \
        "$@" --json | json camera >"$data/camera-id"
    printf '%s\n' "$url" >>"$data/cameras"
}

has_footage() { [[ -n $(find "$data/agent/vault" -name '*.mp4' -size +8k -print -quit 2>/dev/null) ]]; }
