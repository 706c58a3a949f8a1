# What scripts/e2e, test-package and test-sparks share: a directory for the work, cases that are counted, and a cluster of two
# processes. Sourced after lib.sh, never run.
# shellcheck shell=bash
# shellcheck disable=SC2034 # the scripts that source this file read it

work=$(mktemp -d)
started=() # processes of ours, ended by number
finish() {
  ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap finish EXIT
log=$work/log
passed=0 failed=0
cifar=testdata/cifar10-tiny
# Two rounds, both evaluated; a file, so that each case may say otherwise on its command line.
echo '{"workers": 2, "tau": 2, "batch": 20, "iterations": 4, "eval-every": 1}' >"$work/run.json"

# report NAME PROBLEM: counts the case; an empty problem is a pass. A failed case shows what its job said.
report() {
  if [[ -z $2 ]]; then
    passed=$((passed + 1))
    printf 'ok      %s\n' "$1"
  else
    failed=$((failed + 1))
    printf 'FAILED  %s: %s\n' "$1" "$2"
    sed 's/^/        | /' "$log" | tail -n 30
  fi
}

# expect NAME STATUS PATTERN COMMAND...: the command ends with STATUS, and a line it writes matches the extended
# regular expression. What fails says it in three lines at most: no stack trace.
expect() {
  local name=$1 status=$2 pattern=$3 got=0 problem=
  shift 3
  "$@" >"$log" 2>"$work/errors" </dev/null || got=$?
  cat "$work/errors" >>"$log"
  if [[ $got != "$status" ]]; then
    problem="exit status $got, not $status"
  elif ! grep -qE -- "$pattern" "$log"; then
    problem="nothing it said matches '$pattern'"
  elif grep -qE '^\s+at [a-z]+\.' "$log"; then
    problem="it shows a stack trace"
  elif [[ $status != 0 ]] && (($(wc -l <"$work/errors") > 3)); then
    problem="its message is $(wc -l <"$work/errors") lines long"
  fi
  report "$name" "$problem"
}

same() { if cmp -s "$2" "$3"; then report "$1" ""; else report "$1" "$2 and $3 differ"; fi; }

# tensors DIRECTORY: the values of the model in it, without the file's header.
tensors() { tail -c +$((9 + $(od -An -tu8 -N8 "$1/model.safetensors"))) "$1/model.safetensors"; }

# await LINE FILE: the first line of FILE that matches the extended regular expression; gives up after a minute.
await() {
  local tries
  for ((tries = 0; tries < 300; tries++)); do
    grep -m 1 -E -- "$1" "$2" && return
    sleep 0.2
  done
  tail -n 30 "$2" >&2
  die "no line in $2 matches '$1'"
}

# plain_machine COMMAND...: as on a machine that has Java and Spark and nothing else: an empty home, a clean environment.
plain_machine() {
  mkdir -p "$work/home"
  exec env -i "JAVA_HOME=${JAVA_HOME:-}" PATH=/usr/bin:/bin "HOME=$work/home" "SPARK_HOME=$SPARK_HOME" SPARK_LOCAL_IP=127.0.0.1 "$@"
}

# cluster COMMAND...: starts a standalone cluster of plain machines, of which the one with executors is started as `COMMAND... PROGRAM`,
# and leaves its address in `url`. That machine works in "$work/tmp".
cluster() {
  mkdir -p "$work/tmp"
  local class=$SPARK_HOME/bin/spark-class master_log=$work/master.log worker_log=$work/worker.log
  (plain_machine "$class" org.apache.spark.deploy.master.Master --host 127.0.0.1 --port 0 --webui-port 0) >"$master_log" 2>&1 &
  started+=($!)
  url=$(await 'Starting Spark master at' "$master_log" | grep -oE 'spark://[^ ]+')
  (plain_machine "$@" "$class" org.apache.spark.deploy.worker.Worker --host 127.0.0.1 --webui-port 0 --cores 2 --memory 2g \
    --work-dir "$work/tmp/worker" "$url") >"$worker_log" 2>&1 &
  started+=($!)
  await 'Successfully registered with master' "$worker_log" >/dev/null
}
