# The first process of a container, and of its PID namespace: enters the container's root and runs its program.
# Arguments: the container's name, the number of the run, and what the pod has of its own (see sandbox.sh; with `none`
# nothing is mounted); `shared` when it has no PID namespace of its own. Works in the directory of the run, with these files:
#   fstab      what is mounted
#   parts      where parts of volumes are mounted, and which file has to be there
#   arguments  the working directory, the search path, the program as its user gave it, and the command line to execute
#   control-groups  files to write `0` to, which puts the writer into the group
#   stdin      a pipe for the program's input, if it has one
#   input      the pipe it reads instead, if its input ends with that of the first client (see sandbox.sh)
#   log        what the program says
#   started    written here: the stat lines of the program and of this shell, as the host sees them
#   code       written here: the exit code of the program
#   failed     written here: what could not be done, instead of started
# Descriptor 4 carries events to the agent; with `none` the pipe is opened for each.
main() {
  name=$1 attempt=$2 own=$3 processes=$4
  exec 7<arguments
  next && directory=$argument
  next && path=$argument
  next && program=$argument
  set --
  while next; do set -- "$@" "$argument"; done

  # Held open, as the root with these files is left behind. A redirection of a directory opens it, which is all it takes.
  # M5: in place of the identity locks, of which programs could let go.
  exec 5</ 6>>started 7>>code 8>>log 9>>failed
  # A pipe that is open for writing too is never at its end, whoever comes and goes.
  if [ -p input ]; then exec 3<input; elif [ -p stdin ]; then exec 3<>stdin; else exec 3</dev/null; fi
  if [ "$own" = none ]; then
    events=$PWD/../../../events host=/proc
  else
    exec 5</proc
    events=/proc/self/fd/4 host=/proc/self/fd/5
  fi
  identify
  first=$stat
  while IFS= read -r group; do echo 0 >"$group" || fail limits; done <control-groups 2>failure
  if [ "$own" != none ]; then
    mount --all --fstab fstab >failure 2>&1 || fail mount
    [ ! -e parts ] || check_parts
    cd root/merged && pivot_root . tmp && cd / && umount -n -l /tmp || fail root
  fi
  cd -P -- "$directory" 2>/dev/null || make_directory || fail directory
  executable || fail program
  (run "$@")
  printf '%s\n' "$?" >&7
}

run() {
  identify
  if [ "$processes" = shared ]; then
    IFS= read -r inside </proc/self/stat
    printf '%s\n%s\n%s\n' "$stat" "$first" "$inside" >&6 || fail write
  else
    printf '%s\n%s\n' "$stat" "$first" >&6 || fail write
  fi
  printf 'started %s %s\n' "$name" "$attempt" >"$events"
  exec "$@" <&3 >&8 2>&1 3<&- 4>&- 5<&- 6>&- 7>&- 8>&- 9>&-
}

# Sets `stat` to this shell's line of the host's /proc/<pid>/stat. Where there is none, to one of that form, with the number of the
# shell and when it was started as `ps` tells it.
identify() {
  { IFS= read -r stat <"$host/self/stat"; } 2>/dev/null && return
  number=$(exec sh -c 'echo "$PPID"')
  stat="$number (sh) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 $(start_of "$number")"
}

start_of() {
  set -- $(TZ=UTC LC_ALL=C ps -p "$1" -o lstart=)
  printf '%s' "$1_$2_$3_$4_$5"
}

# Somebody who has the volume may have put a link where the part was, between the look at it and the mount.
check_parts() {
  while IFS= read -r target && IFS= read -r identity; do
    [ "$(stat -c %d:%i -- "$target")" = "$identity" ] || fail part
  done <parts
}

# In the container's own layer; never in the files of the machine.
make_directory() {
  [ "$own" != none ] && mkdir -p -- "$directory" && cd -P -- "$directory"
}

fail() {
  printf '%s\n' "$1" >&9
  printf 'failed %s %s\n' "$name" "$attempt" >"$events"
  exit 128
}

# Asked here, inside, where the container's files are what it will see.
executable() {
  case $program in
    */*) [ -f "$program" ] && [ -x "$program" ] ;;
    *) (PATH=$path && command -v -- "$program") >/dev/null ;;
  esac
}

# An argument is a line with the number of its lines, and then these: every byte comes through as it is.
next() {
  IFS= read -r lines <&7 || return
  IFS= read -r argument <&7
  while [ "$lines" -gt 1 ]; do
    IFS= read -r line <&7
    argument=$argument'
'$line
    lines=$((lines - 1))
  done
}

main "$@"
