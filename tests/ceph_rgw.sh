#!/usr/bin/env bash
# An S3 server that checks signatures and conditions: Ceph's gateway over one OSD in memory, on this machine only, ready in about 15 s.
#
#   eval "$(tests/ceph_rgw.sh start FOLDER)"    FOLDER is made; sets KILN_TEST_S3 and credentials
#   tests/ceph_rgw.sh stop FOLDER
#
# On Debian: apt-get install --no-install-recommends radosgw ceph-mon ceph-osd ceph-mgr ceph-common curl. Or download these packages, unpack
# them with `dpkg-deb -x` into a folder, and name it in CEPH_ROOT.
set -euo pipefail
action=$1
here=$(realpath -m "$2")
root=${CEPH_ROOT:-}
port=17480
libraries=$root/usr/lib/x86_64-linux-gnu
conf=$here/ceph.conf

if [ "$action" = stop ]; then
    xargs kill <"$here/pids"
    exit
fi

if [ -n "$root" ]; then
    export PATH=$root/usr/bin:$PATH PYTHONPATH=$root/usr/lib/python3/dist-packages
    export LD_LIBRARY_PATH=$root/lib/x86_64-linux-gnu:$libraries:$libraries/ceph
fi

write_conf() {
    cat >"$conf" <<END
[global]
fsid = $(cat /proc/sys/kernel/random/uuid)
mon_initial_members = a
mon_host = 127.0.0.1:16789
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
osd_objectstore = memstore
memstore_device_bytes = 2147483648
plugin_dir = $libraries/ceph
osd_class_dir = $libraries/rados-classes
erasure_code_dir = $libraries/ceph/erasure-code
mgr_module_path = $root/usr/share/ceph/mgr
run_dir = $here
admin_socket = $here/\$name.\$pid.sock
log_file = $here/\$name.log
keyring = $here/admin.keyring
mon_data = $here/mon
osd_data = $here/osd
mgr_data = $here/mgr
[osd]
keyring = $here/osd/keyring
[mgr]
keyring = $here/mgr/keyring
END
}

serve() { # a daemon that outlives this script
    setsid nohup "$@" >>"$here/out.log" 2>&1 </dev/null &
    echo $! >>"$here/pids"
}

start_monitor() {
    ceph-authtool --create-keyring "$here/mon.keyring" --gen-key -n mon. --cap mon 'allow *'
    ceph-authtool --create-keyring "$here/admin.keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *' --cap mgr 'allow *'
    ceph-authtool "$here/mon.keyring" --import-keyring "$here/admin.keyring"
    monmaptool --create --add a 127.0.0.1:16789 --fsid "$(sed -n 's/^fsid = //p' "$conf")" "$here/monmap"
    ceph-mon -c "$conf" --mkfs -i a --monmap "$here/monmap" --keyring "$here/mon.keyring"
    serve ceph-mon -c "$conf" -i a -f
    ceph -c "$conf" --connect-timeout 30 -s
}

start_manager() {
    ceph -c "$conf" auth get-or-create mgr.x mon 'allow profile mgr' osd 'allow *' -o "$here/mgr/keyring"
    serve ceph-mgr -c "$conf" -i x -f
}

start_disk() {
    local id
    id=$(cat /proc/sys/kernel/random/uuid)
    ceph -c "$conf" osd new "$id"
    ceph -c "$conf" auth get-or-create osd.0 mon 'allow profile osd' mgr 'allow profile osd' osd 'allow *' -o "$here/osd/keyring"
    ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$id"
    serve ceph-osd -c "$conf" -i 0 -f
}

ask() { # of the gateway, signed: a method, a path, and what else curl is to be told
    curl --silent --fail --aws-sigv4 aws:amz:default:s3 --user KILNTEST:kiln-test -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' \
        -X "$1" "http://127.0.0.1:$port/$2" "${@:3}"
}

start_gateway() {
    serve radosgw -c "$conf" -n client.admin -f --rgw-frontends="beast endpoint=127.0.0.1:$port" --rgw-data="$here/rgw"
    curl --silent --retry 120 --retry-delay 1 --retry-connrefused --output /dev/null "http://127.0.0.1:$port"
    radosgw-admin -c "$conf" user create --uid=kiln --display-name=kiln --access-key=KILNTEST --secret=kiln-test
    ask PUT kiln
    ask PUT "kiln?policy=" --data '{"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::kiln/test/public/*"}]}'
}

mkdir -p "$here"/{mon,osd,mgr,rgw}
write_conf
{ start_monitor && start_manager && start_disk && start_gateway; } >"$here/start.log" 2>&1
echo "export KILN_TEST_S3='s3://kiln/test?endpoint=http://127.0.0.1:$port&region=default'"
echo "export AWS_ACCESS_KEY_ID=KILNTEST AWS_SECRET_ACCESS_KEY=kiln-test"
