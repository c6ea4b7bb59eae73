#!/bin/sh
# What tests/test_in_browser.py needs: Debian's chromium, node and npm (installed where root allows and they are missing),
# and the two packages of tests/browser/package.json, inside this folder.
set -eu
cd "$(dirname "$0")/../tests/browser"

missing=
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
if [ -n "$missing" ]; then
	echo "missing:$missing" >&2
	command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]
	apt-get update -qq
	apt-get install --yes --no-install-recommends $missing >/dev/null
fi
npm install --silent --no-audit --no-fund --no-package-lock
touch node_modules/.installed
