"""Where does the Power BI project stand?"""

from sma.settings import CHECKOUT

PROJECT = CHECKOUT / "powerbi" / "project"
SEMANTIC_MODEL = PROJECT / "moving-averages.SemanticModel"
REPORT = PROJECT / "moving-averages.Report"
