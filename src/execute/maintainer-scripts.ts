/**
 * The programs that add packages to a root file system of another machine, as shell scripts: apt
 * and dpkg natively, maintainer scripts in one long-lived shell of the target.
 *
 * dpkg starts every maintainer script by its interpreter line. In the sandbox the interpreters are
 * a relay: it hands script, arguments and dpkg's variables to the server and waits for the exit
 * status. The server is /bin/sh in the target's root; it runs a script of sh by reading it in a
 * fork of itself, so that no emulator has to start for it. Only programs that the scripts call
 * start emulators, by the kernel, and of those only what native-programs.ts leaves to the target. Scripts of other languages, and those that need to
 * know their own path, are started as programs there.
 *
 * Everything lives in one process namespace of the sandbox and ends with it.
 */

/** Where the sandbox has things. The set's files have one path inside and outside of the root. */
export const PLACES = {
  root: "/kmips/root",
  tools: "/kmips/tools",
  /** A copy of the native shell, which runs the relay and the driver. */
  shell: "/kmips/shell",
  packages: "/tmp/packages",
  /** In the root, on its own /tmp: what relay and server tell each other. */
  exchange: "/tmp/.kmips",
} as const;

/** Interpreters of maintainer scripts that the relay stands for. */
export const RELAYED = ["/usr/bin/dash", "/usr/bin/bash", "/usr/bin/perl"] as const;

/**
 * The line by which the driver tells how long maintainer scripts took, in milliseconds: all of it
 * counts as emulated, though shells and small tools among it may be native.
 */
export const EMULATED_LINE = /^kmips: maintainer scripts took (\d+) ms$/m;

/**
 * Takes the place of an interpreter. A command that is no script of the root is run by the native
 * shell as if the relay were not there.
 */
export const RELAY = `#!${PLACES.shell}
root=${PLACES.root}
exchange=$root${PLACES.exchange}
name=\${0##*/}
flags=
while :; do
  case \${1-} in
    -?*) flags="$flags $1"; shift ;;
    *) break ;;
  esac
done
case \${1-} in
  $root/*) ;;
  *)
    case $name in
      sh | dash) exec ${PLACES.shell} $flags "$@" ;;
    esac
    echo "kmips: no $name here" >&2
    exit 127
    ;;
esac
script=\${1#"$root"}
shift
quoted() {
  for word; do
    case $word in
      *\\'*) word=$(printf %s "$word" | sed "s/'/'\\\\\\\\''/g") ;;
    esac
    printf " '%s'" "$word"
  done
}
# A script that asks for its own path must be a program of its own.
how=.
case $name in
  sh | dash) ! grep -q -e '\\$0' -e '\\\${0' -e confmodule "$root$script" || how=exec ;;
  *) how=exec ;;
esac
{
  export -p | grep '^export DPKG_'
  echo "export DPKG_ROOT='' DPKG_ADMINDIR=/var/lib/dpkg"
  echo 'unset DPKG_FORCE'
  echo 'cd /'
  echo "set --$(quoted "$@")"
  if [ $how = exec ]; then
    echo "exec$(quoted "$script") \\"\\$@\\""
  else
    [ -z "$flags" ] || echo "set $flags"
    echo ".$(quoted "$script")"
  fi
} > "$exchange/request.$$"
mkfifo "$exchange/status.$$"
began=$(date +%s%N)
echo $$ > "$exchange/requests"
read -r status < "$exchange/status.$$"
ended=$(date +%s%N)
echo $(((ended - began) / 1000)) >> "$exchange/times"
echo "kmips: $script $* took $(((ended - began) / 1000000)) ms under the emulator"
rm -f "$exchange/request.$$" "$exchange/status.$$"
exit "$status"
`;

/** Runs in the target's root, by its shell. Its standard output is the node's log. */
export const SERVER = `exec 9<> ${PLACES.exchange}/requests
while read -r kmips_request <&9; do
  [ "$kmips_request" != end ] || exit 0
  (
    exec 9<&- < /dev/null
    . ${PLACES.exchange}/request.$kmips_request
  )
  echo $? > ${PLACES.exchange}/status.$kmips_request
done
`;

/**
 * Installs the packages named as arguments; no service may start (policy-rc.d(8)). Where a script has an interpreter that the relay does
 * not stand for, dpkg starts all of them itself in the target's root.
 */
export const DRIVER = `set -u
root=${PLACES.root}
exchange=$root${PLACES.exchange}
mkdir /tmp/apt /tmp/apt/lists /tmp/apt/archives /tmp/control
apt_get() {
  apt-get -o Dir::State::Lists=/tmp/apt/lists -o Dir::Cache=/tmp/apt -o Dir::Log=/tmp/apt "$@"
}
relayed=yes
check() {
  for script; do
    [ -f "$script" ] || continue
    line=
    IFS= read -r line < "$script" || :
    line=\${line#'#!'}
    line=\${line# }
    case $line in
      /bin/sh | /bin/sh\\ * | /bin/dash | /bin/dash\\ *) ;;
      /bin/bash | /bin/bash\\ * | /usr/bin/bash | /usr/bin/bash\\ *) ;;
      /usr/bin/perl | /usr/bin/perl\\ *) ;;
      *)
        echo "kmips: $script is for \\"$line\\": all scripts are started by dpkg"
        relayed=no
        ;;
    esac
  done
}
# What the root has only for the time being.
arch=$root/var/lib/dpkg/arch
policy=$root/usr/sbin/policy-rc.d
own_policy=no
restore() {
  [ $own_policy = no ] || rm -f "$policy"
  [ ! -e /tmp/arch ] || mv -f /tmp/arch "$arch"
  [ ! -e /tmp/no-arch ] || rm -f "$arch"
}
if [ ! -e "$policy" ]; then
  own_policy=yes
  printf '#!/bin/sh\\nexit 101\\n' > "$policy"
  chmod 755 "$policy"
fi
if [ "$1" = emulated ]; then
  options="-o DPkg::Chroot-Directory=$root"
else
  number=0
  for deb in ${PLACES.packages}/*.deb; do
    [ -f "$deb" ] || continue
    number=$((number + 1))
    dpkg-deb --control "$deb" /tmp/control/$number || exit
  done
  check /tmp/control/*/preinst /tmp/control/*/postinst /tmp/control/*/prerm /tmp/control/*/postrm
  info=$root/var/lib/dpkg/info
  check $info/*.preinst $info/*.postinst $info/*.prerm $info/*.postrm
  # A native dpkg must be told that the target's architecture may be here.
  if [ -e "$arch" ]; then cp -p "$arch" /tmp/arch; else : > /tmp/no-arch; fi
  apt-config shell name APT::Architecture > /tmp/architecture
  . /tmp/architecture
  echo "$name" >> "$arch"
  options="-o DPkg::Options::=--root=$root -o DPkg::Options::=--force-depends"
  options="$options -o DPkg::Options::=--log=/dev/null"
fi
shift
apt_get update || exit
if [ $relayed = no ] || [ "$options" = "-o DPkg::Chroot-Directory=$root" ]; then
  began=$(date +%s%N)
  apt_get $options install -- "$@"
  status=$?
  restore
  echo "kmips: maintainer scripts took $((($(date +%s%N) - began) / 1000000)) ms"
  exit $status
fi
mkdir "$exchange"
mkfifo "$exchange/requests"
cp ${PLACES.tools}/server "$exchange/server"
: > "$exchange/times"
(
  cd /
  chroot "$root" /bin/sh ${PLACES.exchange}/server
  status=$?
  [ ! -e "$exchange/done" ] || exit 0
  echo "kmips: the shell of the maintainer scripts ended with exit status $status"
  kill -KILL -1
) &
server=$!
apt_get $options -o DPkg::Options::=--force-script-chrootless install -- "$@"
status=$?
: > "$exchange/done"
echo end > "$exchange/requests"
wait $server
restore
total=0
while read -r time; do total=$((total + time)); done < "$exchange/times"
echo "kmips: maintainer scripts took $((total / 1000)) ms"
exit $status
`;

/** apt's configuration: the target's architecture, the set's own archive, no questions. */
export function aptConfiguration(options: {
  readonly architecture: string;
  readonly recommends: boolean;
}): string {
  const { architecture, recommends } = options;
  const { root, tools } = PLACES;
  return `APT::Architecture "${architecture}";
APT::Architectures { "${architecture}"; };
APT::Install-Recommends "${String(recommends)}";
APT::Install-Suggests "false";
APT::Get::Assume-Yes "true";
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::Etc::Parts "${tools}/none";
Dir::Etc::Preferences "${tools}/none";
Dir::Etc::PreferencesParts "${tools}/none";
Dir::Etc::SourceParts "${tools}/none";
Dir::Etc::SourceList "${tools}/sources.list";
Dir::State::Status "${root}/var/lib/dpkg/status";
Dir::State::Extended_States "${root}/var/lib/apt/extended_states";
DPkg::Use-Pty "false";
DPkg::Options { "--force-confdef"; "--force-confold"; "--force-unsafe-io"; };
`;
}

/** The set's archive. */
export const SOURCES_LIST = `deb [trusted=yes] file:${PLACES.packages} ./\n`;
