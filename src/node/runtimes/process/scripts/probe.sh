# Tries what starting a pod needs, in namespaces that end with this shell. Arguments: the level of isolation, and a
# directory to put layers in.
main() {
  set -e
  for tool in flock setpriv setsid nsenter mkfifo pivot_root umount; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 1; }
  done
  env --default-signal=INT --chdir=/ true
  cd "$2"
  mkdir merged
  if [ "$1" = namespaces ]; then
    mkdir upper work
    mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work merged
    ip link add berth0 type bridge
    ip link add veth0 type veth peer name veth1
  else
    mount --bind . merged
  fi
  mount -t proc proc /proc
}

main "$@"
