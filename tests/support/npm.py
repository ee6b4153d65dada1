"""Node.js, and the npm packages that tests of clients on the web need."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from real_servers import server_missing

PACKAGES = Path(__file__).parents[2] / ".venv" / "web" / "node_modules"
"""Where ``make web`` installs them."""
STRICTLY = ("--strict", "--skipLibCheck", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Npm:
    """A folder in which the packages are found, and Node.js to run in it."""

    program: str
    folder: Path

    def node(self, *arguments: str) -> str:
        """Run a script; return what it printed. The test fails where it fails."""
        done = self._ran(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, script: str, *arguments: str) -> str:
        """Run a script of a package."""
        return self.node(str(PACKAGES / script), *arguments)

    def compile(self, *arguments: str) -> None:
        """Compile TypeScript, strictly."""
        self.run("typescript/bin/tsc", *STRICTLY, *arguments)

    def complaints(self, *arguments: str) -> str:
        """Return what the compiler of TypeScript says, empty where nothing is wrong."""
        return self._ran(str(PACKAGES / "typescript/bin/tsc"), *STRICTLY, "--noEmit", *arguments).stdout

    def _ran(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [self.program, *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False, timeout=300)


def find_npm(folder: Path) -> Npm:
    """Make *folder* one in which packages are found. Skips, or fails in CI, where something is missing."""
    program = shutil.which("node")
    if program is None:
        server_missing("no Node.js (Debian: nodejs)")
    if not PACKAGES.exists():
        server_missing("no npm packages: `make web` installs them where npm is (Debian: npm)")
    folder.mkdir(exist_ok=True)
    (folder / "node_modules").symlink_to(PACKAGES)
    return Npm(program=program, folder=folder)
