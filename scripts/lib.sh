# What the scripts share: paths, messages, timing, and where the compilers, libtorch and Spark are.
# Sourced, never run; it changes nothing on disk. ROOT is the checkout.
# shellcheck shell=bash
shopt -s inherit_errexit # a failure inside $(...) ends that shell too, as `set -e` ends the script

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # the scripts that source this file read it
FASHION=/usr/share/datasets/fashion-mnist # where Debian's package dataset-fashion-mnist puts its files

say() { printf '%s: %s\n' "${0##*/}" "$*"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# The cache is FIRESTEEL_CACHE, else in the home directory: HOME, or what the password file says where HOME is not set.
home_dir() { printf '%s\n' "${HOME:-$(getent passwd "$EUID" | cut -d : -f 6)}"; }
[[ -n ${FIRESTEEL_CACHE:-} || -n $(home_dir) ]] ||
  die "HOME is not set and user $EUID has no home directory: set FIRESTEEL_CACHE to the directory for libtorch and Spark"
CACHE=$(realpath -m -- "${FIRESTEEL_CACHE:-$(home_dir)/.cache/firesteel}")
# Java's class path and the compilers' lists of directories are separated by colons.
[[ $ROOT != *:* ]] || die "the checkout is in $ROOT: Java's class path cannot hold a colon, so move it"
[[ $CACHE != *:* ]] || die "the cache is $CACHE: Java's class path cannot hold a colon, so set FIRESTEEL_CACHE to another"
# Java reads file names and arguments in the charset of the locale, and puts ? for what that lacks.
if [[ $*$(pwd -P)$ROOT$CACHE == *[![:ascii:]]* && $(locale charmap 2>/dev/null) != UTF-8 ]]; then export LC_ALL=C.UTF-8; fi

# part NAME COMMAND...: runs the command and says how long it took, also in PART_TIME.
# A failure ends the script (set -e) unless the caller tests it.
part() {
  local name=$1 start=${EPOCHREALTIME/./} status word=ok tenths
  shift
  printf -- '--- %s\n' "$name"
  "$@"
  status=$?
  ((status == 0)) || word=failed
  tenths=$(((${EPOCHREALTIME/./} - start) / 100000))
  PART_TIME="$((tenths / 10)).$((tenths % 10)) s"
  printf -- '--- %s: %s, %s\n' "$name" "$word" "$PART_TIME"
  return "$status"
}

# at_least HAVE WANT: compares dotted version numbers.
at_least() { [[ $(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1) == "$2" ]]; }

# The versions this checkout was written for, each read from the one file that names it.
spark_version() { sed -n 's:.*<spark\.version>\(.*\)</spark\.version>.*:\1:p' "$ROOT/pom.xml" | head -n 1; }
rust_version() { sed -n 's/^rust-version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml"; }
project_version() { sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -n 1; }
libtorch_version() { sed -n 's/^torch \([^ ]*\) .*/\1/p' "$ROOT/scripts/downloads.txt"; }

# download_line NAME VERSION: that line of downloads.txt; empty when there is none.
download_line() { grep -m 1 "^$1 $2 " "$ROOT/scripts/downloads.txt" || true; }

# What a cache directory was made from; it is complete when its file .complete says just this.
libtorch_origin() { grep -E '^(torch|nvidia-[a-z-]*) ' "$ROOT/scripts/downloads.txt"; }
spark_origin() { # VERSION
  local line jars
  line=$(download_line pyspark "$1")
  jars=$(download_line spark-mllib_2.13 "$1")
  [[ -z $line ]] || printf '%s, with its Python%s\n' "$line" "${jars:+, $jars}"
}
is_complete() { [[ -f $1/.complete && $(<"$1/.complete") == "$2" ]]; }

libtorch_home() { realpath -m -- "${FIRESTEEL_LIBTORCH:-$CACHE/libtorch-$(libtorch_version)-cpu}"; }
spark_home() { realpath -m -- "${SPARK_HOME:-$CACHE/spark-$(spark_version)}"; }
# The Pythons of the benchmarks and of build and tests, by name; only scripts/setup-python makes them.
python_packages() {
  local of=testdata
  [[ $1 != plots && $1 != peers ]] || of=benchmarks
  printf '%s\n' "$ROOT/$of/requirements/$1.txt"
}
python_origin() { sha256sum <"$(python_packages "$1")"; }
python_home() {
  local given=FIRESTEEL_${1^^} origin
  origin=$(python_origin "$1")
  realpath -m -- "${!given:-$CACHE/python-$1-${origin:0:12}}"
}
# install_debian PACKAGE...: installs Debian packages as root, or by sudo; where neither can be, says what to run.
install_debian() {
  local line log sudo=()
  line="apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $*"
  command -v apt-get >/dev/null || die "this machine has no apt-get: install what Debian 12 calls $*"
  if [[ $EUID != 0 ]]; then
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [[ -t 0 ]]; }; then
      sudo=(sudo)
    else
      printf '%s\n' "${0##*/}: packages are missing, and this account may not install them; run as root:" "$line" >&2
      exit 1
    fi
  fi
  say "installing $*"
  log=$(mktemp)
  "${sudo[@]}" bash -c "exec </dev/null; ${line//apt-get /apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 }" >"$log" 2>&1 ||
    { tail -n 40 "$log" >&2; die "apt-get failed: its last words are above, all of them in $log"; }
  rm "$log"
}

# require_spark HOME: ends the script unless a Spark is there that the driver's jar can run in. Asked before Java starts:
# in a Spark for another Scala version the jar fails at its first class, with a stack trace.
require_spark() {
  local jar name
  [[ -x $1/bin/spark-submit ]] || die "no Spark in $1: run scripts/setup, or set SPARK_HOME"
  for jar in "$1"/jars/spark-core_*.jar; do
    name=${jar##*/}
    [[ $name =~ ^spark-core_([0-9.]+)-([0-9]+(\.[0-9]+)*) ]] || die "$1 has no jars/spark-core_*.jar: it is no whole Spark; set SPARK_HOME to one"
    if [[ ${BASH_REMATCH[1]} != 2.13 ]] || ! at_least "${BASH_REMATCH[2]}" 3.5; then
      die "$1 is Spark ${BASH_REMATCH[2]} for Scala ${BASH_REMATCH[1]}, and Spark 3.5 or newer for Scala 2.13 is needed: set SPARK_HOME to one, or unset it and run scripts/setup"
    fi
  done
}
# link_spark DIR: a Spark of links. Spark's workers keep their directories in SPARK_HOME/work, which tests throw away.
link_spark() {
  mkdir "$1"
  ln -s "$(spark_home)"/* "$1/"
  rm -f "$1/work"
}
driver_jar() { printf '%s\n' "$ROOT/scala-driver/target/firesteel-driver_2.13-$(project_version).jar"; }
package_jar() { printf '%s\n' "$ROOT/packages/linux-x86_64/target/firesteel-linux-x86_64_2.13-$(project_version).jar"; }

# plain NAME: puts a path of harmless characters in place of the directory in the variable NAME, where it has others. It goes
# through a descriptor that the programs inherit which this shell starts. For Spark, whose lists of files are split at
# commas, unescaped as URIs, and matched as patterns.
plain() {
  local -n directory=$1
  local LC_ALL=C descriptor
  [[ $directory == *[!A-Za-z0-9/._+@=~-]* ]] || return 0
  exec {descriptor}<"$directory"
  directory=/proc/self/fd/$descriptor
}

# java_is_enough HOME TOOL: java or javac of version 17 or newer; HOME may be empty for the one on PATH.
java_is_enough() {
  local version
  version=$("${1:+$1/bin/}$2" -version 2>&1 | sed -nE 's/^(javac|.* version) "?([0-9.]+).*/\2/p') || return 1
  [[ -n $version ]] && at_least "$version" 17
}

# use_java TOOL: leaves a sufficient java or javac in JAVA_HOME or on PATH; fails when there is none.
use_java() {
  local home
  for home in "${JAVA_HOME:-}" "" /usr/lib/jvm/java-17-openjdk-*; do
    if java_is_enough "$home" "$1"; then
      if [[ -n $home ]]; then export JAVA_HOME=$home; else unset JAVA_HOME; fi
      return 0
    fi
  done
  return 1
}

# rust_is_enough: cargo, rustc, clippy and rustfmt on PATH, none older than the workspace asks for.
rust_is_enough() {
  local tool version
  for tool in cargo rustc; do
    version=$("$tool" --version 2>/dev/null | cut -d ' ' -f 2) || return 1
    [[ -n $version ]] && at_least "$version" "$(rust_version)" || return 1
  done
  cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1
}

# use_rust: leaves a sufficient toolchain on PATH, Debian's when the first one found is too old; fails when there is none.
use_rust() {
  rust_is_enough && return 0
  PATH=/usr/bin:$PATH rust_is_enough || return 1
  export PATH=/usr/bin:$PATH
}

# pip_python: a python3 with pip, which is only ever used to download.
pip_python() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      printf '%s\n' "$python"
      return 0
    fi
  done
  return 1
}

# lock_cache: takes the cache's lock, on descriptor 9 of this shell, and waits for whoever holds it.
lock_cache() {
  mkdir -p "$CACHE" 2>/dev/null || true
  [[ -d $CACHE && -w $CACHE && (! -e $CACHE/.lock || -w $CACHE/.lock) ]] ||
    die "the cache $CACHE cannot be written by user $(id -un 2>/dev/null || echo "$EUID")${1:+, and $1}: set FIRESTEEL_CACHE to a directory of your own and run scripts/setup"
  exec 9>"$CACHE/.lock"
  flock 9
}

# libtorch_archive: the path of the libtorch that is shipped to machines that have none, and libtorch_packed, the same as part
# of a jar. Each is made once, in the cache. One that is there needs no right to write, so that a cache can be shared.
libtorch_archive() { packed_libtorch tar.gz tar_libtorch; }
libtorch_packed() { packed_libtorch jar "$ROOT/scripts/package" libtorch; }
tar_libtorch() { tar -C "${1%/lib}" --owner=0 --group=0 --exclude=lib/libtorch.so -cf - lib | gzip -1 >"$2"; }

# packed_libtorch SUFFIX COMMAND...: makes it by COMMAND... LIBRARIES FILE.
packed_libtorch() {
  local home archive
  home=$CACHE/libtorch-$(libtorch_version)-cpu
  archive=$home.$1
  is_complete "$home" "$(libtorch_origin)" || die "no libtorch in $home: run scripts/setup"
  [[ $archive -nt $home/.complete ]] || (
    lock_cache "libtorch was not packed for a cluster there yet"
    [[ $archive -nt $home/.complete ]] && exit
    say "packing $archive, once" >&2
    "${@:2}" "$home/lib" "$archive.partial"
    mv "$archive.partial" "$archive"
  )
  printf '%s\n' "$archive"
}

# maven ARGUMENTS...: no transfer noise, a dropped connection is tried again, and no escape codes: Debian's writes some
# whether or not it is asked to.
maven() { mvn -B -q -ntp -Dmaven.wagon.http.retryHandler.count=3 "$@" 2>&1 | sed -u 's/\x1b\[[0-9;]*m//g'; }

# check_versions: ends the script where a file names another version than Cargo.toml, which owns it.
check_versions() {
  local version wrong
  version=$(project_version)
  wrong=$(cd "$ROOT" && awk -v want="$version" '
    /<artifactId>firesteel-parent</ { here = 1 }
    here && /<version>/ { here = 0; if ($0 !~ "<version>" want "</version>") print FILENAME ":" FNR ": " $0 }' pom.xml ./*/pom.xml
    git grep -noE 'firesteel[-a-z0-9_]*(_2\.13)?-[0-9]+\.[0-9]+\.[0-9]+' -- '*.md' ':!CHANGELOG.md' | grep -v -- "-${version//./\\.}\$" || true)
  [[ -z $wrong ]] || die "the version is $version, as Cargo.toml says, and these lines have another:"$'\n'"$wrong"
}
