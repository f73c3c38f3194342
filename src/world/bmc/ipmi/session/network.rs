//! The BMC's own network.

use std::net::Ipv4Addr;

use super::super::codec::Command;
use super::super::codec::lan::{
    COMMIT_WRITE, LanParameter, SET_COMPLETE, SET_IN_PROGRESS, address, source, source_wish, vlan,
    vlan_wish,
};
use super::super::error::IpmiError;
use super::Session;
use crate::base::bmc::{AddressSource, BmcNetwork, BmcNetworkWish};

impl Session {
    /// How the BMC is on the network that we ask it by.
    pub async fn network(&mut self) -> Result<BmcNetwork, IpmiError> {
        let channel = self.own_channel().await?;
        let told = self.lan(channel, LanParameter::Source).await?;
        let source = source(&told).ok_or(IpmiError::Malformed("where the address is from"))?;
        let told = self.lan(channel, LanParameter::Mask).await?;
        let mask = address(&told).ok_or(IpmiError::Malformed("a subnet mask"))?;
        let told = self.lan(channel, LanParameter::Gateway).await?;
        let gateway = address(&told).ok_or(IpmiError::Malformed("a gateway"))?;
        let vlan = match self.lan(channel, LanParameter::Vlan).await {
            Ok(told) => vlan(&told).ok_or(IpmiError::Malformed("a VLAN"))?,
            // Those that know no VLANs tag nothing.
            Err(IpmiError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(BmcNetwork {
            source,
            mask,
            gateway: (gateway != Ipv4Addr::UNSPECIFIED).then_some(gateway),
            vlan,
        })
    }

    /// Has it be so. The BMC may be elsewhere before it has answered: whoever wants to know asks it anew.
    pub async fn set_network(&mut self, wanted: &BmcNetworkWish) -> Result<(), IpmiError> {
        let channel = self.own_channel().await?;
        self.progress(channel, SET_IN_PROGRESS).await?;
        let mut set = self.change(channel, wanted).await;
        if set.is_ok() {
            // Those that can take back what was set do so where nobody says that it is to count.
            set = self.progress(channel, COMMIT_WRITE).await;
        }
        // Also where something went wrong: otherwise nobody else could change anything.
        let ended = self.progress(channel, SET_COMPLETE).await;
        match set.and(ended) {
            // It heard that, and is elsewhere, or says nothing for a while.
            Err(IpmiError::Unreachable { .. } | IpmiError::SessionLost) => Ok(()),
            done => done,
        }
    }

    /// What takes the BMC away from us comes last: many do what they are told at once.
    async fn change(&mut self, channel: u8, wanted: &BmcNetworkWish) -> Result<(), IpmiError> {
        use LanParameter::{Address, Gateway, Mask, Source, Vlan};
        let from = match wanted.fixed {
            Some(_) => AddressSource::Static,
            None => AddressSource::Dhcp,
        };
        let from = source_wish(from).ok_or(IpmiError::Unsupported("such an address"))?;
        if let Some((address, mask)) = wanted.fixed {
            self.set_lan(channel, Source, &from).await?;
            self.set_lan(channel, Address, &address.octets()).await?;
            self.set_lan(channel, Mask, &mask.octets()).await?;
        }
        if let Some(gateway) = wanted.gateway {
            self.set_lan(channel, Gateway, &gateway.octets()).await?;
        }
        if wanted.fixed.is_none() {
            self.set_lan(channel, Source, &from).await?;
        }
        if let Some(vlan) = wanted.vlan {
            self.set_lan(channel, Vlan, &vlan_wish(vlan)).await?;
        }
        Ok(())
    }

    async fn lan(&mut self, channel: u8, parameter: LanParameter) -> Result<Vec<u8>, IpmiError> {
        self.request(Command::GET_LAN, &parameter.asked(channel))
            .await
    }

    async fn set_lan(
        &mut self,
        channel: u8,
        parameter: LanParameter,
        data: &[u8],
    ) -> Result<(), IpmiError> {
        let data = parameter.written(channel, data);
        self.request(Command::SET_LAN, &data).await.map(drop)
    }

    /// A BMC need not have it: what it says of it is all the same (section 23.1), as long as it answers.
    async fn progress(&mut self, channel: u8, state: u8) -> Result<(), IpmiError> {
        let data = LanParameter::SetInProgress.written(channel, &[state]);
        self.answer(Command::SET_LAN, 0, &data).await.map(drop)
    }
}
