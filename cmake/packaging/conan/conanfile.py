"""A recipe for Conan 2, which packages the tree that it lies in:

    conan create cmake/packaging/conan --build=missing
"""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain
from conan.tools.files import copy, load

TREE = ("include/*", "cmake/*", "CMakeLists.txt", "LICENSE")


class Pageblock(ConanFile):
    name = "pageblock"
    description = "A Linux memory zone as an ordinary C++ object"
    license = "MIT"
    topics = ("linux", "memory-management", "simulation", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"fmt_header_only": [True, False]}
    default_options = {"fmt_header_only": False}
    no_copy_source = True

    def set_version(self):
        tree = os.path.join(self.recipe_folder, "..", "..", "..")
        header = load(self, os.path.join(tree, "include", "pageblock", "base", "version.hpp"))
        self.version = ".".join(re.findall(r"^#define PAGEBLOCK_VERSION_\w+ (\d+)$", header, re.M))

    def export_sources(self):
        tree = os.path.join(self.recipe_folder, "..", "..", "..")
        for part in TREE:
            copy(self, part, tree, self.export_sources_folder)

    def requirements(self):
        self.requires("fmt/[>=9.1]", transitive_headers=True, transitive_libs=True)
        self.requires("ms-gsl/[>=4]", transitive_headers=True)

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        dependencies = CMakeDeps(self)
        dependencies.set_property("fmt", "cmake_config_version_compat", "AnyNewerVersion")
        dependencies.generate()
        toolchain = CMakeToolchain(self)
        toolchain.cache_variables["PAGEBLOCK_TESTS"] = False
        toolchain.cache_variables["PAGEBLOCK_EXAMPLES"] = False
        toolchain.cache_variables["PAGEBLOCK_FMT_HEADER_ONLY"] = bool(self.options.fmt_header_only)
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()

    def package(self):
        CMake(self).install()

    def package_id(self):
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "pageblock")
        self.cpp_info.set_property("cmake_target_name", "pageblock::pageblock")
