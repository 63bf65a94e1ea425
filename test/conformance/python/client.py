"""Does to a cluster what programs written with the official Python client do, one part after another.

usage: client.py KUBECONFIG        prints "ok PART" or "failed PART: WHY"
"""

import sys
import threading
import time
import traceback

from kubernetes import client, config, dynamic, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import portforward, stream

config.load_kube_config(sys.argv[1])
core = client.CoreV1Api()
apps = client.AppsV1Api()
namespace = core.create_namespace({"metadata": {"generateName": "python-"}}).metadata.name
failed = 0


def part(try_it):
    global failed
    try:
        try_it()
        print(f"ok {try_it.__name__}", flush=True)
    except Exception:
        failed += 1
        why = traceback.format_exc().replace("\n", " ")
        print(f"failed {try_it.__name__}: {why}", flush=True)


def refused(code, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ApiException as error:
        assert error.status == code, error
        return
    raise AssertionError(f"{call.__name__} was not refused")


def eventually(question):
    end = time.time() + 60
    while not question():
        assert time.time() < end, "waited in vain"
        time.sleep(0.1)


def pod(name, *command):
    container = {"name": "main", "image": "demo", "command": list(command)}
    spec = {"restartPolicy": "Never", "terminationGracePeriodSeconds": 0, "containers": [container]}
    core.create_namespaced_pod(namespace, {"metadata": {"name": name}, "spec": spec})
    eventually(lambda: core.read_namespaced_pod(name, namespace).status.phase != "Pending")


@part
def discovery():
    assert client.VersionApi().get_code().major == "1"
    assert "pods" in [resource.name for resource in core.get_api_resources().resources]
    assert "apps" in [group.name for group in client.ApisApi().get_api_versions().groups]


@part
def objects():
    made = core.create_namespaced_config_map(namespace, {"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "1"}})
    refused(409, core.create_namespaced_config_map, namespace, {"metadata": {"name": "a"}})
    made.data["k"] = "2"
    core.replace_namespaced_config_map("a", namespace, made)
    refused(409, core.replace_namespaced_config_map, "a", namespace, made)
    patched = core.patch_namespaced_config_map("a", namespace, {"data": {"z": "3"}})
    assert patched.data == {"k": "2", "z": "3"}, patched.data
    patched = core.patch_namespaced_config_map("a", namespace, [{"op": "remove", "path": "/data/z"}])
    assert patched.data == {"k": "2"}, patched.data
    assert core.delete_namespaced_config_map("a", namespace).status == "Success"
    for index in range(7):
        core.create_namespaced_config_map(namespace, {"metadata": {"name": f"p-{index}", "labels": {"page": "y"}}})
    names, token = [], None
    while token != "":
        page = core.list_namespaced_config_map(namespace, limit=3, label_selector="page=y", _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue or ""
    assert names == [f"p-{index}" for index in range(7)], names
    core.delete_collection_namespaced_config_map(namespace, label_selector="page=y")
    assert core.list_namespaced_config_map(namespace, label_selector="page=y").items == []


@part
def sets_and_watches():
    seen = []
    watcher = watch.Watch()

    def look():
        for event in watcher.stream(core.list_namespaced_pod, namespace, timeout_seconds=60):
            seen.append((event["type"], event["object"].metadata.name))
            if event["type"] == "DELETED":
                watcher.stop()

    looking = threading.Thread(target=look)
    looking.start()
    template = {
        "metadata": {"labels": {"app": "s"}},
        "spec": {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": "demo", "command": ["sleep", "1000"]}]},
    }
    spec = {"serviceName": "s", "replicas": 1, "selector": {"matchLabels": {"app": "s"}}, "template": template}
    manifest = {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "s"}, "spec": spec}
    utils.create_from_dict(client.ApiClient(), manifest, namespace=namespace)
    ready = lambda count: apps.read_namespaced_stateful_set_status("s", namespace).status.ready_replicas == count
    eventually(lambda: ready(1))
    apps.patch_namespaced_stateful_set_scale("s", namespace, {"spec": {"replicas": 2}})
    scale = apps.read_namespaced_stateful_set_scale("s", namespace)
    assert (scale.spec.replicas, scale.status.selector) == (2, "app=s"), scale
    eventually(lambda: ready(2))
    apps.patch_namespaced_stateful_set_scale("s", namespace, {"spec": {"replicas": 1}})
    looking.join(60)
    assert seen[-1] == ("DELETED", "s-1"), seen
    budgets = client.PolicyV1Api()
    budget = {"metadata": {"name": "b"}, "spec": {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "s"}}}}
    budgets.create_namespaced_pod_disruption_budget(namespace, budget)
    eventually(lambda: budgets.read_namespaced_pod_disruption_budget("b", namespace).status.current_healthy == 1)
    refused(429, core.create_namespaced_pod_eviction, "s-0", namespace, {"metadata": {"name": "s-0"}})


@part
def commands():
    pod("talker", "sh", "-c", "echo begun; exec sleep 1000")
    run = lambda script, **options: stream(
        core.connect_get_namespaced_pod_exec, "talker", namespace, command=["sh", "-c", script], stdout=True, stderr=True, tty=False, **options
    )
    said = run("echo out; echo bad >&2", stdin=False)
    assert "out\n" in said and "bad\n" in said, said
    session = run("read line; echo got $line; exit 3", stdin=True, _preload_content=False)
    session.write_stdin("typed\n")
    assert session.readline_stdout(timeout=60) == "got typed"
    session.run_forever(timeout=60)
    assert session.returncode == 3, session.returncode
    eventually(lambda: core.read_namespaced_pod_log("talker", namespace) == "begun\n")


@part
def logs():
    pod("counter", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.3; done")
    lines = list(watch.Watch().stream(core.read_namespaced_pod_log, "counter", namespace))
    assert lines == ["1", "2", "3"], lines


@part
def ports():
    pod("web", sys.executable, "-m", "http.server", "8000")

    def answer():
        socket = portforward(core.connect_get_namespaced_pod_portforward, "web", namespace, ports="8000").socket(8000)
        socket.settimeout(60)
        socket.sendall(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
        text = b""
        while data := socket.recv(65536):
            text += data
        return text

    eventually(lambda: answer().startswith(b"HTTP/1.0 200"))


@part
def custom_kinds():
    group = f"{namespace}.example.com"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": group, "scope": "Namespaced", "names": {"plural": "things", "kind": "Thing"}, "versions": [version]}
    definitions = client.ApiextensionsV1Api()
    definitions.create_custom_resource_definition({"metadata": {"name": f"things.{group}"}, "spec": spec})
    things = dynamic.DynamicClient(client.ApiClient()).resources.get(api_version=f"{group}/v1", kind="Thing")
    things.create(body={"apiVersion": f"{group}/v1", "kind": "Thing", "metadata": {"name": "t"}, "x": 1}, namespace=namespace)
    assert things.get(name="t", namespace=namespace).x == 1
    client.CustomObjectsApi().patch_namespaced_custom_object(group, "v1", namespace, "things", "t", {"x": 2})
    assert things.get(name="t", namespace=namespace).x == 2
    definitions.delete_custom_resource_definition(f"things.{group}")


@part
def leading():
    led = threading.Event()
    lock = ConfigMapLock("leader", namespace, "me")
    settings = electionconfig.Config(lock, lease_duration=4, renew_deadline=2, retry_period=1, onstarted_leading=led.set, onstopped_leading=None)
    threading.Thread(target=leaderelection.LeaderElection(settings).run, daemon=True).start()
    assert led.wait(60)


core.delete_namespace(namespace)
sys.exit(1 if failed else 0)
