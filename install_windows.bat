@echo off
rem Installs the bot on Windows 10 or newer.
rem
rem   install_windows.bat         into .venv, which is made unless it is there
rem   install_windows.bat T       deletes .venv first
rem   install_windows.bat F F     without a virtual environment: into the Python that runs (T or F, then F)
rem
rem PYTHON names that Python: set PYTHON=C:\Python313\python.exe
setlocal
cd /d "%~dp0"

set "ANEW=%~1"
set "ENVIRONMENT=%~2"
if "%ANEW%"=="" set "ANEW=F"
if "%ENVIRONMENT%"=="" set "ENVIRONMENT=T"
if /i not "%ANEW%"=="T" if /i not "%ANEW%"=="F" goto usage
if /i not "%ENVIRONMENT%"=="T" if /i not "%ENVIRONMENT%"=="F" goto usage

if not "%PYTHON%"=="" goto have_python
set "PYTHON=python"
for %%I in (py.exe) do if not "%%~$PATH:I"=="" set "PYTHON=py"
:have_python
"%PYTHON%" -c "import sys; sys.exit(sys.version_info < (3, 11))"
if errorlevel 1 goto no_python

if /i "%ANEW%"=="T" if exist .venv rmdir /s /q .venv
if /i "%ENVIRONMENT%"=="F" goto install
if not exist .venv\Scripts\python.exe "%PYTHON%" -m venv .venv
if errorlevel 1 goto failed
set "PYTHON=%~dp0.venv\Scripts\python.exe"

:install
echo Installing ...
"%PYTHON%" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.lock
if errorlevel 1 goto failed
"%PYTHON%" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
if errorlevel 1 goto failed
"%PYTHON%" -m pip install --quiet --disable-pip-version-check --require-hashes -r sandbox\requirements.lock
if errorlevel 1 goto failed
"%PYTHON%" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
if errorlevel 1 goto failed
"%PYTHON%" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .\sandbox
if errorlevel 1 goto failed
echo Ready. "start.bat demo" shows the bot in a browser, without any key; start.bat runs it with yours.
exit /b 0

:usage
echo Write install_windows.bat, or T or F for each of: delete .venv first; use a virtual environment.
exit /b 2

:no_python
echo Python 3.11 or newer is needed: install it from https://www.python.org/downloads/windows/
exit /b 1

:failed
echo Something could not be installed; the lines above say what.
exit /b 1
