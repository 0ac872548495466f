"""What the chart makes for the operators of CloudNativePG and Strimzi, without a cluster."""

from tests.cluster.release import PINNED, Document, render
from tests.cluster.test_templates import OPERATOR, named

FIXED = {
    "shared_preload_libraries",
    "port",
    "listen_addresses",
    "archive_mode",
    "archive_command",
    "ssl",
    "hba_file",
}
"""Parameters that CloudNativePG 1.27 refuses, because it sets them itself."""


def test_cloudnativepg_gets_libraries_as_a_list_and_none_for_its_own_image() -> None:
    """Its admission webhook refuses them among the parameters."""

    def settings(image: str) -> Document:
        documents = render(OPERATOR, {"database": {"operator": {"image": image}}})
        found: Document = named(documents, "Cluster", "s-postgresql")["spec"]["postgresql"]
        assert found["parameters"]["wal_level"] == "replica"
        assert not FIXED & found["parameters"].keys()
        return found

    assert settings(f"example.org:5000/timescaledb:18.1-2{PINNED}")["shared_preload_libraries"] == [
        "timescaledb"
    ]
    assert "shared_preload_libraries" not in settings("")


def test_the_pods_of_cloudnativepg_are_reached_by_its_operator_and_reach_each_other_and_the_api_server() -> (
    None
):
    """Without a policy of their own the default one, which allows nothing, would hold for them, too."""
    own = {"cnpg.io/cluster": "s-postgresql"}
    policies = {"apiServer": {"networks": ["192.0.2.1/32"]}, "operatorFrom": {"team": "databases"}}
    documents = render(OPERATOR, {"networkPolicies": policies})
    spec = named(documents, "NetworkPolicy", "s-postgresql")["spec"]
    assert spec["podSelector"]["matchLabels"] == own
    parts, among, operator = spec["ingress"]
    assert parts["ports"] == [{"port": 5432}]
    assert {"stock", "gateway", "migrations"} <= {
        one["podSelector"]["matchLabels"]["app.kubernetes.io/component"] for one in parts["from"]
    }
    assert among["from"] == [{"podSelector": {"matchLabels": own}}]
    operators = {"kubernetes.io/metadata.name": "cnpg-system", "team": "databases"}
    assert operator["from"] == [{"namespaceSelector": {"matchLabels": operators}}]
    assert among["ports"] == operator["ports"] == [{"port": 5432}, {"port": 8000}]
    _, each_other, api_server = spec["egress"]
    assert each_other == {"to": among["from"], "ports": among["ports"]}
    assert api_server == {
        "to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}],
        "ports": [{"port": 443}, {"port": 6443}],
    }


def test_a_store_of_secrets_gives_each_role_its_password_as_cloudnativepg_reads_it() -> None:
    store = {"secrets": {"external": {"enabled": True, "store": {"name": "vault"}}}}
    documents = render(OPERATOR, store)
    spec = named(documents, "Cluster", "s-postgresql")["spec"]
    read = {spec["bootstrap"]["initdb"]["owner"]: spec["bootstrap"]["initdb"]["secret"]["name"]}
    read |= {one["name"]: one["passwordSecret"]["name"] for one in spec["managed"]["roles"]}
    assert len(read) == 7
    for role, secret in read.items():
        target = named(documents, "ExternalSecret", secret)["spec"]["target"]
        assert target["name"] == secret
        assert target["template"]["type"] == "kubernetes.io/basic-auth"
        assert target["template"]["metadata"]["labels"] == {"cnpg.io/reload": "true"}
        password = f'{{{{ .{role} | trim | splitList "\\n" | first }}}}'
        assert target["template"]["data"] == {"username": role, "password": password}
    assert [one["kind"] for one in render(store)].count("ExternalSecret") == 1


def test_the_brokers_of_strimzi_reach_each_other() -> None:
    own = {"podSelector": {"matchLabels": {"strimzi.io/cluster": "s-kafka"}}}
    spec = named(render(OPERATOR), "NetworkPolicy", "s-kafka")["spec"]
    assert spec["podSelector"] == own["podSelector"]
    assert spec["egress"][1] == {"to": [own], "ports": [{"port": 9090}, {"port": 9091}]}


def test_a_new_database_has_the_locale_of_the_managed_one() -> None:
    made = named(render(OPERATOR), "Cluster", "s-postgresql")["spec"]["bootstrap"]["initdb"]
    server = named(render(), "StatefulSet", "s-postgresql")["spec"]["template"]["spec"]["containers"][0]
    said = next(one["value"] for one in server["env"] if one["name"] == "POSTGRES_INITDB_ARGS")
    assert f"--encoding={made['encoding']} --locale={made['localeCollate']} " in said
    assert f"--locale-provider={made['localeProvider']} --builtin-locale={made['builtinLocale']} " in said
    assert made["localeCType"] == made["localeCollate"]
