"""Where the files of the Power BI project are."""

from sma.settings import CHECKOUT

PROJECT = CHECKOUT / "powerbi" / "project"
SEMANTIC_MODEL = PROJECT / "moving-averages.SemanticModel"
REPORT = PROJECT / "moving-averages.Report"
THEME = REPORT / "StaticResources" / "RegisteredResources" / "moving-averages-theme.json"
