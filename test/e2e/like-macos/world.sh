# Makes this mount namespace look like macOS, as far as programs can tell, and stays until its input ends. Arguments: a
# directory to work in, the directory of the stand-ins for commands, and Node's program. Says `ready` when all is there.
#   /proc, /sys              empty
#   /bin, /usr/bin           only the commands of this list, as stand-ins or as they are
#   /usr/local/bin, /opt     no commands but Node, where Homebrew has it on a Mac with Apple's processor
# What the stand-ins themselves need is in the working directory (@HERE@ in them): `usr` and `proc`, as they were.
set -e
here=$1 standins=$2 node=$3

mkdir -p "$here/usr" "$here/proc" "$here/bin" "$here/sbin" "$here/dev"
mount --bind /usr "$here/usr"
mount --bind /proc "$here/proc"

put() { sed "s|@HERE@|$here|g" "$standins/$1" >"$here/bin/$2" && chmod 755 "$here/bin/$2"; }
for name in du env mkfifo ps script stty; do put "$name" "$name"; done
for name in cat chmod cp date head kill ls mkdir rm sed sleep tail touch tty uname; do put plain "$name"; done
ln -s "$here/usr/bin/bash" "$here/bin/bash"
ln -s "$here/usr/bin/bash" "$here/bin/sh" # as there; called `sh` it keeps to POSIX
ln -s "$here/usr/bin/perl" "$here/bin/perl"

# A /dev with terminals of its own, whose list of open files, which bash needs, works without /proc.
mount -t tmpfs -o mode=755 dev "$here/dev"
for name in null zero random urandom tty; do touch "$here/dev/$name" && mount --bind "/dev/$name" "$here/dev/$name"; done
mkdir "$here/dev/pts" "$here/dev/shm"
mount -t devpts -o newinstance,mode=620,ptmxmode=666 pts "$here/dev/pts"
ln -s pts/ptmx "$here/dev/ptmx"
ln -s "$here/proc/self/fd" "$here/dev/fd"

mount -t tmpfs -o mode=1777 tmp /var/tmp # what is left there goes with this namespace
mount -t tmpfs opt /opt
mkdir -p /opt/homebrew/bin
case $node in /usr/*) node=$here$node ;; esac
ln -s "$node" /opt/homebrew/bin/node
mount -t tmpfs local /usr/local/bin
mount -t tmpfs local /usr/local/sbin
mount --bind "$here/sbin" /usr/sbin
[ -L /sbin ] || mount --bind "$here/sbin" /sbin
mount --rbind "$here/dev" /dev
mount -t tmpfs sys /sys
mount -t tmpfs proc /proc
[ -L /bin ] || mount --bind "$here/bin" /bin
mount --bind "$here/bin" /usr/bin
echo ready
read -r end
