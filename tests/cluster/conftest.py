"""One cluster for each test process; every test leaves it whole."""

from collections.abc import Iterator

import pytest

from tests.cluster.shape import Cluster, running_cluster


@pytest.fixture(scope="session")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster"), "--shards", "2", "--replicas", "1") as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Cluster]:
    yield shared_cluster
    shared_cluster.start_all()
    shared_cluster.wait_until_whole()
