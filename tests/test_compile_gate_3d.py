"""Every 3D kernel compiles for CUDA, with no GPU and no driver, without spilling registers or using too much memory."""

import pytest
from gate import check_all_are_there, check_resources, compile_all

pytestmark = pytest.mark.cpu


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return compile_all(3, tmp_path_factory.mktemp("cubins"))


def test_every_kernel_compiles_for_every_architecture(artifacts):
    check_all_are_there(3, artifacts)


def test_no_kernel_spills_registers_or_exceeds_shared_memory(artifacts):
    check_resources(artifacts)
