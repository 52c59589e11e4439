@echo off
rem Runs the bot that install_windows.bat has installed.
rem
rem   start.bat          bot and worker, with the keys in .env; without keys it asks for them
rem   start.bat demo     the demo in a browser, without any key
rem   start.bat doctor   whatever else "g2d --help" lists
setlocal
cd /d "%~dp0"

rem The log and the questions hold more characters than old code pages do.
set "PYTHONUTF8=1"
set "G2D="
for %%I in (g2d.exe) do set "G2D=%%~$PATH:I"
if exist .venv\Scripts\g2d.exe set "G2D=.venv\Scripts\g2d.exe"
if "%G2D%"=="" goto not_installed

if "%~1"=="" goto run
"%G2D%" %*
exit /b %errorlevel%

:run
"%G2D%" run
exit /b %errorlevel%

:not_installed
echo Nothing is installed yet: install_windows.bat does it.
exit /b 1
