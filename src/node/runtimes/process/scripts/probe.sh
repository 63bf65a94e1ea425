# Tries what starting a pod needs, in namespaces that end with this shell. Argument: the level of isolation.
main() {
  set -e
  for tool in flock setpriv setsid nsenter mkfifo pivot_root umount; do
    command -v "$tool" >/dev/null || { echo "$tool is not installed" >&2; exit 1; }
  done
  env --default-signal=INT true
  mount -t proc proc /proc
  mount -t tmpfs tmpfs /mnt
  mkdir /mnt/upper /mnt/work /mnt/merged
  if [ "$1" = namespaces ]; then
    mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/upper,workdir=/mnt/work /mnt/merged
    ip link add berth0 type bridge
    ip link add veth0 type veth peer name veth1
  fi
}

main "$@"
