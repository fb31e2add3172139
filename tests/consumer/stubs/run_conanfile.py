"""Does what Conan does with the recipe: calls its steps in order, with these classes in the place of Conan's own.

    run_conanfile.py <conanfile.py> <work folder> <prefix> <version> <cmake> <cmake option>...
"""
import glob
import importlib.util
import os
import shutil
import subprocess
import sys
import types

recipe_file, work, prefix, version, cmake_command, *cmake_options = sys.argv[1:]


class Recorder:
    """Takes any call, and keeps what it was called with."""

    def __init__(self):
        self.calls = []

    def __call__(self, *args, **kwargs):
        self.calls.append((args, kwargs))

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        value = Recorder()
        setattr(self, name, value)
        return value


class ConanFile:
    pass


class CMakeToolchain:
    def __init__(self, recipe):
        self.recipe = recipe
        self.cache_variables = {}

    def generate(self):
        self.recipe.variables = self.cache_variables


class CMakeDeps(Recorder):
    def __init__(self, recipe):
        super().__init__()


class CMake:
    def __init__(self, recipe):
        self.recipe = recipe
        self.build_folder = os.path.join(work, "conan_build")

    def configure(self):
        variables = [f"-D{name}={value}" for name, value in self.recipe.variables.items()]
        run(cmake_command, "-S", self.recipe.source_folder, "-B", self.build_folder, *cmake_options, *variables)

    def install(self):
        run(cmake_command, "--install", self.build_folder, "--prefix", prefix)


def run(*command):
    subprocess.run(command, check=True)


def copy(recipe, pattern, src, dst):
    found = glob.glob(os.path.join(src, pattern))
    assert found, f"nothing in {src} is {pattern}"
    for path in found:
        target = os.path.join(dst, os.path.relpath(path, src))
        if os.path.isdir(path):
            shutil.copytree(path, target)
        else:
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(path, target)


def load(recipe, path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def module(name, **members):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__dict__.update(members)


check_min_cppstd = Recorder()
module("conan", ConanFile=ConanFile)
module("conan.tools")
module("conan.tools.build", check_min_cppstd=check_min_cppstd)
module("conan.tools.cmake", CMake=CMake, CMakeDeps=CMakeDeps, CMakeToolchain=CMakeToolchain)
module("conan.tools.files", copy=copy, load=load)

spec = importlib.util.spec_from_file_location("conanfile", recipe_file)
conanfile = importlib.util.module_from_spec(spec)
sys.dont_write_bytecode = True
spec.loader.exec_module(conanfile)

recipe = conanfile.Pageblock()
recipe.recipe_folder = os.path.dirname(os.path.abspath(recipe_file))
recipe.export_sources_folder = recipe.source_folder = os.path.join(work, "conan_sources")
recipe.options = types.SimpleNamespace(**recipe.default_options)
recipe.requires = Recorder()
recipe.cpp_info = Recorder()
recipe.info = Recorder()

recipe.set_version()
assert recipe.version == version, f"the recipe says version {recipe.version}"
recipe.export_sources()
recipe.requirements()
assert [call[0][0] for call in recipe.requires.calls] == ["fmt/[>=9.1]", "ms-gsl/[>=4]"], recipe.requires.calls
recipe.validate()
assert check_min_cppstd.calls == [((recipe, 20), {})]
recipe.generate()
recipe.build()
recipe.package()
recipe.package_id()
recipe.package_info()
assert (("cmake_target_name", "pageblock::pageblock"), {}) in recipe.cpp_info.set_property.calls
