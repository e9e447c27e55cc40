//! MITRE ATT&CK: names and tactics of the techniques that signals carry.

use crate::detect::{Analytic, Stage};

/// A technique or sub-technique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Technique {
    /// `T1020`, `T1048.003`, ...
    pub id: &'static str,
    /// Name; for a sub-technique without that of its technique.
    pub name: &'static str,
    /// The tactic that it serves here.
    pub tactic: Tactic,
}

/// A tactic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tactic {
    /// TA0002.
    Execution,
    /// TA0006.
    CredentialAccess,
    /// TA0009.
    Collection,
    /// TA0011.
    CommandAndControl,
    /// TA0010.
    Exfiltration,
}

impl Tactic {
    /// `TA0010`, ...
    #[must_use]
    pub const fn id(self) -> &'static str {
        match self {
            Self::Execution => "TA0002",
            Self::CredentialAccess => "TA0006",
            Self::Collection => "TA0009",
            Self::CommandAndControl => "TA0011",
            Self::Exfiltration => "TA0010",
        }
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Execution => "Execution",
            Self::CredentialAccess => "Credential Access",
            Self::Collection => "Collection",
            Self::CommandAndControl => "Command and Control",
            Self::Exfiltration => "Exfiltration",
        }
    }
}

const fn technique(id: &'static str, name: &'static str, tactic: Tactic) -> Technique {
    Technique { id, name, tactic }
}

/// What signals may carry, by id.
const TECHNIQUES: &[Technique] = &[
    technique("T1003", "OS Credential Dumping", Tactic::CredentialAccess),
    technique("T1003.007", "Proc Filesystem", Tactic::CredentialAccess),
    technique("T1003.008", "/etc/passwd and /etc/shadow", Tactic::CredentialAccess),
    technique("T1005", "Data from Local System", Tactic::Collection),
    technique("T1011", "Exfiltration Over Other Network Medium", Tactic::Exfiltration),
    technique("T1011.001", "Exfiltration Over Bluetooth", Tactic::Exfiltration),
    technique("T1020", "Automated Exfiltration", Tactic::Exfiltration),
    technique("T1020.001", "Traffic Duplication", Tactic::Exfiltration),
    technique("T1025", "Data from Removable Media", Tactic::Collection),
    technique("T1029", "Scheduled Transfer", Tactic::Exfiltration),
    technique("T1030", "Data Transfer Size Limits", Tactic::Exfiltration),
    technique("T1039", "Data from Network Shared Drive", Tactic::Collection),
    technique("T1040", "Network Sniffing", Tactic::CredentialAccess),
    technique("T1041", "Exfiltration Over C2 Channel", Tactic::Exfiltration),
    technique("T1048", "Exfiltration Over Alternative Protocol", Tactic::Exfiltration),
    technique("T1048.001", "Exfiltration Over Symmetric Encrypted Non-C2 Protocol", Tactic::Exfiltration),
    technique("T1048.002", "Exfiltration Over Asymmetric Encrypted Non-C2 Protocol", Tactic::Exfiltration),
    technique("T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol", Tactic::Exfiltration),
    technique("T1052", "Exfiltration Over Physical Medium", Tactic::Exfiltration),
    technique("T1059", "Command and Scripting Interpreter", Tactic::Execution),
    technique("T1059.001", "PowerShell", Tactic::Execution),
    technique("T1059.004", "Unix Shell", Tactic::Execution),
    technique("T1059.006", "Python", Tactic::Execution),
    technique("T1071", "Application Layer Protocol", Tactic::CommandAndControl),
    technique("T1071.001", "Web Protocols", Tactic::CommandAndControl),
    technique("T1071.002", "File Transfer Protocols", Tactic::CommandAndControl),
    technique("T1071.004", "DNS", Tactic::CommandAndControl),
    technique("T1074", "Data Staged", Tactic::Collection),
    technique("T1074.001", "Local Data Staging", Tactic::Collection),
    technique("T1074.002", "Remote Data Staging", Tactic::Collection),
    technique("T1095", "Non-Application Layer Protocol", Tactic::CommandAndControl),
    technique("T1105", "Ingress Tool Transfer", Tactic::CommandAndControl),
    technique("T1114", "Email Collection", Tactic::Collection),
    technique("T1114.001", "Local Email Collection", Tactic::Collection),
    technique("T1119", "Automated Collection", Tactic::Collection),
    technique("T1213", "Data from Information Repositories", Tactic::Collection),
    technique("T1537", "Transfer Data to Cloud Account", Tactic::Exfiltration),
    technique("T1539", "Steal Web Session Cookie", Tactic::CredentialAccess),
    technique("T1552", "Unsecured Credentials", Tactic::CredentialAccess),
    technique("T1552.001", "Credentials In Files", Tactic::CredentialAccess),
    technique("T1552.003", "Bash History", Tactic::CredentialAccess),
    technique("T1552.004", "Private Keys", Tactic::CredentialAccess),
    technique("T1555", "Credentials from Password Stores", Tactic::CredentialAccess),
    technique("T1555.003", "Credentials from Web Browsers", Tactic::CredentialAccess),
    technique("T1560", "Archive Collected Data", Tactic::Collection),
    technique("T1560.001", "Archive via Utility", Tactic::Collection),
    technique("T1560.002", "Archive via Library", Tactic::Collection),
    technique("T1560.003", "Archive via Custom Method", Tactic::Collection),
    technique("T1567", "Exfiltration Over Web Service", Tactic::Exfiltration),
    technique("T1567.001", "Exfiltration to Code Repository", Tactic::Exfiltration),
    technique("T1567.002", "Exfiltration to Cloud Storage", Tactic::Exfiltration),
    technique("T1571", "Non-Standard Port", Tactic::CommandAndControl),
    technique("T1572", "Protocol Tunneling", Tactic::CommandAndControl),
];

/// The technique with this id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Technique> {
    let index = TECHNIQUES.binary_search_by(|technique| technique.id.cmp(id)).ok()?;
    TECHNIQUES.get(index)
}

/// The technique that a sub-technique belongs to; the technique itself otherwise.
#[must_use]
pub fn base(id: &str) -> &str {
    id.split_once('.').map_or(id, |(base, _)| base)
}

/// The tactic of evidence of a stage whose technique is not in the table.
#[must_use]
pub const fn tactic_of(stage: Stage) -> Tactic {
    match stage {
        Stage::Collection | Stage::Staging => Tactic::Collection,
        Stage::Transfer | Stage::Egress => Tactic::Exfiltration,
    }
}

/// Name of an analytic for people.
#[must_use]
pub const fn rule_name(analytic: Analytic) -> &'static str {
    match analytic {
        Analytic::CommandExecution => "Automated file exfiltration commands",
        Analytic::ScriptExecution => "Automated script execution for exfiltration",
        Analytic::FileAccess => "File access before automated exfiltration",
        Analytic::SensitiveFileAccess => "Access to a sensitive file",
        Analytic::MassFileAccess => "Access to many documents",
        Analytic::ConnectionCreation => "New connection to the outside",
        Analytic::UnnamedDestination => "Connection to an address without a name",
        Analytic::TrafficFlow => "Volume of data to the outside",
        Analytic::TrafficContent => "Outbound traffic with collected data",
        Analytic::Protocol => "Another protocol than the port is for",
        Analytic::NameTunnel => "Data in questions to name servers",
        Analytic::Family => "Socket of another family than IP",
        Analytic::Duplication => "Captured traffic to the outside",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_is_sorted_and_whole() {
        for pair in TECHNIQUES.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} before {}", pair[0].id, pair[1].id);
        }
        for technique in TECHNIQUES {
            assert_eq!(find(technique.id), Some(technique));
            assert!(find(base(technique.id)).is_some(), "{}", technique.id);
        }
        assert_eq!(find("T9999"), None);
    }
}
