#!/bin/sh
# Installs what is missing of the Debian or Ubuntu packages that kvspan needs. Touches neither the
# network nor root's rights if all of them are there.
#
# usage: launch/install_packages.sh [build] [lint] [fuzz]
#   build  to compile, test and run
#   lint   to check format and style
#   fuzz   to fuzz
set -eu

if [ $# -eq 0 ]; then
    echo "install_packages: which sets of packages? (build, lint, fuzz)" >&2
    exit 2
fi

packages=
for set in "$@"; do
    case $set in
    build)
        packages="$packages build-essential cmake ninja-build pkg-config libopenmpi-dev openmpi-bin
            libjansson-dev libxxhash-dev check"
        ;;
    lint) packages="$packages clang-format-14 clang-tidy-14 cppcheck doxygen" ;;
    fuzz) packages="$packages clang-14 libclang-rt-14-dev" ;;
    *)
        echo "install_packages: no such set of packages: $set (build, lint, fuzz)" >&2
        exit 2
        ;;
    esac
done

if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
    echo "install_packages: not a Debian or Ubuntu; going on as if it had the set: $*" >&2
    exit 0
fi

missing=
for package in $packages; do
    state=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || state=
    if [ "$state" != installed ]; then
        missing="$missing $package"
    fi
done
if [ -z "$missing" ]; then
    exit 0
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "install_packages: these packages are missing, and installing them needs root or" \
            "sudo:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
echo "install_packages: installing$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of names without spaces
$as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends $missing >/dev/null
