#!/bin/sh
# Makes the secrets that compose.yaml hands to its services. Those that are there already stay.
set -eu
umask 022  # the containers' users must read them; the folder itself is closed to others
folder="$(dirname "$0")/secrets"
mkdir -p "$folder"
chmod 700 "$folder"
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
keep() { [ -s "$folder/$1" ] || printf '%s' "$2" > "$folder/$1"; }
keep database_password "$(random)"
keep database_url "postgresql://kiln:$(cat "$folder/database_password")@database:5432/kiln"
keep store_key_id "kiln$(random | cut -c1-16)"
keep store_secret_key "$(random)"
echo "the secrets are in $folder: keep a copy where backups are kept"
