#!/bin/sh
# Makes .venv-NAME, where the suite of envs/adapters/NAME.py is installed: .ci/adapter.sh fetch
# The suites need another MuJoCo than .venv has. So the pinned packages of .ci/adapters/NAME.txt are
# installed into an environment of its own, and every other package of .venv is linked into it.
# When all is in place it only compares a stamp; interrupted, it starts afresh, in seconds.
set -eu
cd "$(dirname "$0")/.."
name=$1
packages=.ci/adapters/$name.txt
venv=.venv-$name
python=$venv/bin/python
stamp=$venv/ready

say() { echo "setup: $*" >&2; }

die() {
    say "$*"
    exit 1
}

# Links into $2 what $1 has and $2 lacks. MuJoCo's folders are left out: where two versions can be
# seen, each finds parts of the other.
link_packages() {
    for path in "$1"/*; do
        entry=${path##*/}
        case $entry in
        mujoco | mujoco[_-]* | pip | pip-* | __pycache__) continue ;;
        esac
        [ -e "$2/$entry" ] || ln -s "$path" "$2/$entry"
    done
}

site_packages() { "$1" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'; }

[ -f "$packages" ] || die "there is no $packages, which pins what the adapter '$name' is tested with"
key=$(cat "$0" "$packages" constraints.txt .venv/pyvenv.cfg | cksum; sed -n 1p .venv/ready)
if [ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && [ -x "$python" ]; then
    exit
fi
say "creating $venv"
rm -rf "$venv"
mkdir "$venv"
echo '*' >"$venv/.gitignore"
.venv/bin/python -m venv --without-pip "$venv"
.venv/bin/python -m pip --python "$python" install --no-deps -r "$packages" \
    >"$venv/install.log" 2>&1 </dev/null || {
    tail -n 15 "$venv/install.log" >&2
    die "failed: installing $packages; the whole output is in $venv/install.log"
}
link_packages "$(site_packages .venv/bin/python)" "$(site_packages "$python")"
# Which OpenGL renders without a screen, as .venv found out.
[ ! -f .venv/dsae-opengl ] || cp .venv/dsae-opengl "$venv"
"$python" -c "import sys; sys.path.insert(0, '.'); import envs; envs.adapted('$name')" ||
    die "the adapter '$name' cannot be imported in $venv"
echo "$key" >"$stamp"
