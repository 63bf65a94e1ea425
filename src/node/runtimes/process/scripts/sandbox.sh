# The first process of a pod. Whatever it needs to know comes as an argument or as a line of a file: nothing is evaluated.
# Arguments: the pod's directory, the directory of these scripts, and what the pod has of its own: `bridge` all
# namespaces, `host` all but the network, `none` nothing; and the words `processes` when its containers see each other's,
# `ipc` when it has the machine's.
# A file is always written before the event that tells of it.
# Descriptors: 3 commands of the agent, and of this shell to itself (a FIFO, open both ways: never at its end), 4 events
# for the agent, 5 the host's network namespace; 6 and above hold the identity locks (M5), with `none` those up to 9 what programs
# cannot let go of, and those above what they hold themselves.
# All is in functions, so that the file is read before anything of it runs.
main() {
  scripts=$2
  own=$3 sharing=$4
  cd "$1" || fail 'the directory of the pod cannot be entered'

  # This /proc is the host's: the numbers are those the agent knows processes by.
  identify
  printf '%s\n' "$stat" >sandbox
  printf 'born\n' >&4

  # M5: the kernel frees a lock when the last process that holds it begins to end. Wait until the pod that had it has
  # ended altogether, and say who has it now.
  IFS= read -r holder <holder
  while IFS= read -r lock; do
    await_end "$lock"
    printf '%s\n%s\n' "$holder" "$stat" >"$lock"
  done <locks

  [ "$own" = none ] || isolate
  exec 5>&-

  printf 'ready\n' >ready
  printf 'ready\n' >&4
  supervisors='' started=0 told=''
  # The trap interrupts the wait for a command, never a command. It only has itself looked at, and asks nothing of a status:
  # dash gives a command that is interrupted again inside a trap the status of the one before the first.
  trap 'case $told in "") told=1; printf "look\n" >&3 ;; esac' CHLD
  while read -r command name attempt <&3 || true; do
    case $command in
      start) start "$name" "$attempt" ;;
      done) forget "$name" ;;
      look) told='' && look ;;
      # Somebody has killed what waits for a container: nobody will tell its end. This shell's own end is told by the
      # kernel, and is that of everything here.
      check) case "$supervisors " in *":$name "*) fail 'the shell that waits for a container was killed' ;; esac ;;
    esac
  done
}

isolate() {
  case $sharing in
    *ipc*) mount --bind /dev/shm shm & ;;
    *) mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs shm & ;;
  esac
  mounting=$!
  if [ "$own" = bridge ]; then
    # The process numbers are the pod's already (1 is this shell), the network namespace is the host's once more.
    nsenter --net=/proc/self/fd/5 ip -batch link.host || fail 'the pod cannot be connected to its bridge'
    ip -batch link.pod || fail 'the network of the pod cannot be set up'
  fi
  IFS= read -r hostname <hostname
  # Without root the file is not writable, but the name may be set all the same.
  printf '%s' "$hostname" 2>/dev/null >/proc/sys/kernel/hostname || hostname "$hostname" ||
    fail 'the hostname cannot be set'
  while IFS= read -r file && IFS= read -r value; do
    printf '%s' "$value" >"$file" || fail "$file cannot be set"
  done <sysctls
  wait "$mounting" || fail 'shared memory cannot be mounted'
}

# Sets `stat` to this shell's line of /proc/<pid>/stat. Where there is none, to one of that form, with the number of the
# shell and when it was started as `ps` tells it.
identify() {
  { IFS= read -r stat </proc/self/stat; } 2>/dev/null && return
  number=$(exec sh -c 'echo "$PPID"')
  stat="$number (sh) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 $(start_of "$number")"
}

start_of() {
  set -- $(TZ=UTC LC_ALL=C ps -p "$1" -o lstart=)
  printf '%s' "$1_$2_$3_$4_$5"
}

# The second line of a lock's file is the line of /proc/<pid>/stat of the first process of the pod that had it last.
await_end() {
  { IFS= read -r previous && IFS= read -r previous; } <"$1" || return
  was=$(start_time "$previous")
  while IFS= read -r now <"/proc/${previous%% *}/stat" && [ "$(start_time "$now")" = "$was" ]; do
    sleep 0.01
  done 2>/dev/null
}

# Nothing for a process that has ended, and that only nobody has waited for.
start_time() {
  set -- ${1##*) }
  [ "$1" = Z ] || printf '%s' "${20}"
}

fail() {
  printf '%s\n' "$1"
  exit 1
}

# This loop alone starts containers, and no run of one twice, however often it is told to.
start() {
  [ -e "containers/$1/$2/claimed" ] && return
  # Not the special `:`, whose failure would end this shell.
  if ! true >"containers/$1/$2/claimed"; then
    printf 'refused %s %s\n' "$1" "$2" >&4
    return
  fi
  started=$((started + 1))
  supervise "$1" "$2" &
  supervisors="$supervisors $!:$started"
}

# A child has ended. Where containers share their processes, what they leave behind is left to this shell as well.
# What waits for a container says `done` before it ends, so that is in the pipe before this `check`.
look() {
  jobs >/dev/null
  for one in $supervisors; do
    kill -0 "${one%%:*}" 2>/dev/null || printf 'check %s\n' "${one#*:}" >&3
  done
}

forget() {
  left=
  for one in $supervisors; do [ "${one#*:}" = "$1" ] || left="$left $one"; done
  supervisors=$left
}

# unshare returns when every process of the container has ended: the kernel ends a PID namespace with its first process.
# If unshare itself is killed, the first process goes with it, and its end is awaited here: never two of one container.
supervise() {
  cd "containers/$1/$2" || exit
  # Opens `input` together with the container, then `stdin` together with the first client; it ends with that one's input,
  # and so does the container's. It runs out here, where no program of the container can put another in its place.
  relay=
  if [ -p input ]; then
    cat >input <stdin 3<&- 4>&- 2>/dev/null &
    relay=$!
  fi
  if [ "$own" = none ]; then
    # Only the sandbox itself keeps the pipe open: the agent is to see the end of it, whatever it leaves behind.
    exec 4>&-
    sh "$scripts/container.sh" "$1" "$2" none 3<&-
    # What is left of the program's own process group.
    read -r leader rest <started && end_group "$leader"
    finish
    printf 'exited %s %s\n' "$1" "$2" >../../../events
  elif [ "${sharing#processes}" != "$sharing" ]; then
    unshare --mount --propagation private sh "$scripts/container.sh" "$1" "$2" "$own" shared 3<&-
    await_end started
    # The third line begins with the number the program has in the pod.
    { read -r line && read -r line && read -r leader rest; } <started && end_group "$leader"
    finish
    printf 'exited %s %s\n' "$1" "$2" >&4
  else
    unshare --mount --propagation private --pid --fork --kill-child sh "$scripts/container.sh" "$1" "$2" "$own" 3<&-
    await_end started
    finish
    printf 'exited %s %s\n' "$1" "$2" >&4
  fi 2>/dev/null
  exit
}

finish() {
  [ -z "$relay" ] || { kill "$relay"; wait "$relay"; }
  echo >ended
  printf 'done %s\n' "$started" >&3
}

# Kills a group of processes and returns when none of it is left; a zombie that nobody waits for is not waited for here either.
end_group() {
  left=500
  kill -9 "-$1" && while kill -0 "-$1" && [ "$((left -= 1))" -gt 0 ]; do sleep 0.01; done
}

main "$@"
