# Joins control groups and becomes the program that follows. Arguments: a file with a line for each group's file of
# processes; the command line.
main() {
  while IFS= read -r group; do echo 0 >"$group" || exit 126; done <"$1"
  shift
  exec "$@"
}

main "$@"
